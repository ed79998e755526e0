import module from "../../../node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm";
import { initSync } from "@cedar-policy/cedar-wasm/web";

// Workers compile no code at run time: the module comes with the Worker.
initSync({ module });

export * from "@cedar-policy/cedar-wasm/web";
