import make from "libpg-query/wasm/libpg-query.js";
import module from "libpg-query/wasm/libpg-query.wasm";

/** PostgreSQL's grammar as libpg-query loads it, from a module that comes with the Worker. */
export default (): Promise<object> =>
  make({ instantiateWasm: (imports, done) => done(new WebAssembly.Instance(module, imports)) });
