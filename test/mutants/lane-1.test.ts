import { lane } from "./lane.ts";

lane(1);
