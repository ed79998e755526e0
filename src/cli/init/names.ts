/** `my-shop`, `read` → `my_shop_read`. */
export function toolId(service: string, what: string): string {
  return `${service.replaceAll("-", "_")}_${what}`;
}

/** `SHOP_AUTHORIZATION`: a secret of one service, under a name that says so. */
export function environmentName(service: string, what: string): string {
  return `${service}_${what}`.toUpperCase().replaceAll("-", "_");
}
