import { checkBundle } from "./bundle/check.ts";
import { readBundleFolder } from "./bundle/read-folder.ts";
import { formatMistakes } from "./bundle/mistake.ts";
const t = performance.now();
const r = checkBundle(await readBundleFolder(process.argv[2]!));
console.log(r.ok ? r.bundle.digest : formatMistakes(r.mistakes), performance.now() - t);
