interface Worker {
  fetch(request: Request): Promise<Response>;
}

interface Env {
  readonly GATEWAY: Worker;
  readonly OPERATOR: Worker;
  readonly OPERATOR_SECRET: string;
}

/** Two Workers on one port: the gateway for everybody, and the operator's own for whoever started this. */
export default {
  fetch(request: Request, { GATEWAY, OPERATOR, OPERATOR_SECRET }: Env): Promise<Response> {
    const operator = request.headers.get("test-operator") === OPERATOR_SECRET;
    return (operator ? OPERATOR : GATEWAY).fetch(request);
  },
};
