import { createHash, randomBytes } from "node:crypto";
import { APPROVALS_CLIENT_ID, CALLBACK, CLIENT_ID } from "./client.ts";

/**
 * Signs a person in as a browser would: authorization code with PKCE, the provider's login page,
 * its consent page, and the redirect to a loopback address that is read but never followed.
 * As a command it prints the ID token: `node sign-in.ts ISSUER LOGIN`, and with
 * `--approve NONCE` that of a sign-in made for one decision.
 */

/** Two pages, each answered by a redirect or two; more is a loop. */
const MAX_STEPS = 12;
const TIMEOUT_MS = 10_000;

/** To start agents; or, with the nonce of one decision, to decide, which asks for the person anew. */
export async function signIn(issuer: string, login: string, approve?: string): Promise<string> {
  const clientId = approve === undefined ? CLIENT_ID : APPROVALS_CLIENT_ID;
  const verifier = randomBytes(32).toString("base64url");
  const authorize = new URL("/auth", issuer);
  authorize.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "openid profile email groups",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    nonce: approve ?? randomBytes(16).toString("base64url"),
    ...(approve !== undefined && { prompt: "login", max_age: "0" }),
  }).toString();
  const code = await authorizationCode(issuer, authorize, login);
  return redeem(issuer, clientId, code, verifier);
}

async function authorizationCode(issuer: string, authorize: URL, login: string): Promise<string> {
  const browser = new CookieJar();
  let next = authorize;
  for (let step = 0; step < MAX_STEPS; step++) {
    if (next.href.startsWith(CALLBACK)) return codeOf(next);
    const page = await browser.fetch(next);
    const location = page.headers.get("location");
    if (location !== null) {
      next = new URL(location, next);
      continue;
    }
    if (!page.ok) throw new SignInRefused(`the provider answered ${page.status}`);
    const html = await page.text();
    const form = /<form[^>]*action="([^"]+)"/.exec(html)?.[1];
    if (form === undefined) throw new SignInRefused("the provider showed no form");
    const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1] ?? "";
    const answer = await browser.fetch(new URL(form, issuer), {
      method: "POST",
      body: new URLSearchParams({ prompt, ...(prompt === "login" && { login, password: "-" }) }),
    });
    const then = answer.headers.get("location");
    if (then === null) throw new SignInRefused(`the provider answered ${answer.status}`);
    next = new URL(then, issuer);
  }
  throw new SignInRefused("the provider kept redirecting");
}

function codeOf(callback: URL): string {
  const code = callback.searchParams.get("code");
  if (code === null) throw new SignInRefused(callback.searchParams.get("error") ?? "no code");
  return code;
}

async function redeem(
  issuer: string,
  clientId: string,
  code: string,
  verifier: string,
): Promise<string> {
  const answer = await fetch(new URL("/token", issuer), {
    method: "POST",
    signal: AbortSignal.timeout(TIMEOUT_MS),
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: clientId,
      redirect_uri: CALLBACK,
      code,
      code_verifier: verifier,
    }),
  });
  const { id_token: token } = (await answer.json()) as { id_token?: string };
  if (token === undefined) throw new SignInRefused(`the provider answered ${answer.status}`);
  return token;
}

export class SignInRefused extends Error {
  override readonly name = "SignInRefused";
}

/** What a browser does with cookies, as far as one provider on one host needs it. */
class CookieJar {
  readonly #cookies = new Map<string, string>();

  async fetch(url: URL, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(url, {
      ...init,
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  }
}

if (import.meta.main) {
  const [issuer, login, flag, nonce] = process.argv.slice(2);
  const odd = flag !== undefined && (flag !== "--approve" || nonce === undefined);
  if (issuer === undefined || login === undefined || odd) {
    process.stderr.write(
      "usage: node examples/acme/idp/sign-in.ts ISSUER LOGIN [--approve NONCE]\n",
    );
    process.exit(2);
  }
  try {
    process.stdout.write(`${await signIn(issuer, login, nonce)}\n`);
  } catch (error) {
    const why = error instanceof SignInRefused ? error.message : "the provider cannot be reached";
    process.stderr.write(`${login} was not signed in: ${why}\n`);
    process.exit(1);
  }
}
