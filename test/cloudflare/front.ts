interface Worker {
  fetch(request: Request): Promise<Response>;
}

interface Env {
  readonly GATEWAY: Worker;
  readonly OPERATOR: Worker;
  /** Only where the Worker under test has one. */
  readonly EVICTOR?: Worker;
  readonly OPERATOR_SECRET: string;
}

/** Two Workers on one port: the gateway for everybody, and the operator's own for whoever started this. */
export default {
  fetch(request: Request, { GATEWAY, OPERATOR, EVICTOR, OPERATOR_SECRET }: Env): Promise<Response> {
    const operator = request.headers.get("test-operator") === OPERATOR_SECRET;
    if (!operator) return GATEWAY.fetch(request);
    const evict = new URL(request.url).pathname === "/evict";
    return ((evict ? EVICTOR : undefined) ?? OPERATOR).fetch(request);
  },
};
