/** The package ships no types; this is the part of it that Acme uses. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  export interface Account {
    readonly accountId: string;
    claims(): { readonly sub: string; readonly [claim: string]: unknown };
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
  }
}
