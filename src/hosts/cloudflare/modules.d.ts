/** What the platform, and the bundler for it, offer by name. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env, State> {
    protected readonly ctx: State;
    protected readonly env: Env;
    constructor(ctx: State, env: Env);
  }
  export abstract class WorkerEntrypoint<Env> {
    protected readonly env: Env;
  }
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "libpg-query/wasm/libpg-query.js" {
  type Instantiated = (instance: WebAssembly.Instance) => void;
  const make: (options: {
    instantiateWasm(imports: WebAssembly.Imports, done: Instantiated): void;
  }) => Promise<object>;
  export default make;
}
