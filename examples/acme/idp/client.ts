/** How Postern is registered at Acme's identity provider: a public client with PKCE. */
export const CLIENT_ID = "postern";
/** A client of its own for approvals: a sign-in for one thing is none for the other. */
export const APPROVALS_CLIENT_ID = "postern-approvals";
/** RFC 8252 §7.3: a native client's loopback redirect. Nothing needs to listen there. */
export const CALLBACK = "http://127.0.0.1/callback";
