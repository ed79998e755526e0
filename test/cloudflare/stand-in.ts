/**
 * Workers VPC has no local simulator. A `vpc_services` binding leads to one registered host and port,
 * whatever the URL says, and throws where nobody answers; so does this Worker behind a service binding.
 */
export default {
  fetch(request: Request, { ORIGIN }: { readonly ORIGIN: string }): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(`${ORIGIN}${pathname}${search}`, request));
  },
};
