import { describe, expect, it } from "vitest";
import { networkOf, type Network } from "./network.ts";
import { failureOf, type PlatformError } from "./platform-error.ts";

const MESH = { binding: "MESH", address: "http://100.96.0.7:7070" };
const ASKED = "http://100.96.0.7:7070/v1/sessions";

/** A network whose binding answers as it is told, and what it was asked. */
function network(answer: () => Response | Promise<Response>, way: typeof MESH = MESH) {
  const asked: [url: string, init: RequestInit | undefined][] = [];
  const bound = {
    fetch: async (url: string, init?: RequestInit) => {
      asked.push([url, init]);
      return answer();
    },
  };
  const found = networkOf({ MESH: bound }, way);
  if (found === null) throw new Error("there is no network");
  return { found, asked };
}

async function failing(found: Network, url = ASKED): Promise<PlatformError | null> {
  await expect(found.fetch(url, {})).rejects.toThrow();
  return found.failure;
}

describe("the way to a connector", () => {
  it.each([
    ["another port", "http://100.96.0.7:7071/"],
    ["another host", "http://100.96.0.8:7070/"],
    ["another scheme", "https://100.96.0.7:7070/"],
    ["the public internet", "https://example.com/"],
    ["a host that begins like it", "http://100.96.0.7.example.com:7070/"],
    ["a name before it", "http://100.96.0.7.example.com:7070/"],
  ])("leads nowhere else: not to %s", async (_, url) => {
    const { found, asked } = network(() => new Response());
    expect(await failing(found, url)).toBe("destination_ip_prohibited");
    expect(asked).toEqual([]);
  });

  it("is taken as it is asked for, and never by a redirect", async () => {
    const { found, asked } = network(() => new Response("hello"));
    const response = await found.fetch(ASKED, { method: "POST", redirect: "follow" });
    expect(await response.text()).toBe("hello");
    expect(found.failure).toBeNull();
    expect(asked).toEqual([[ASKED, { method: "POST", redirect: "manual" }]]);
  });

  it.each([301, 302, 303, 307, 308])("is not left where it answers %i", async (status) => {
    const headers = { location: "http://100.96.0.9/" };
    const { found, asked } = network(() => new Response(null, { status, headers }));
    expect(await failing(found)).toBe("http_request_denied");
    expect(asked).toHaveLength(1);
  });

  it("has an origin of its own where the platform knows host and port", () => {
    const { found } = network(() => new Response(), { binding: "MESH" } as typeof MESH);
    expect(found.origin).toBe("http://connector.internal");
  });

  it("is none where nothing is bound, or no network", () => {
    expect(networkOf({}, MESH)).toBeNull();
    expect(networkOf({ MESH: "http://100.96.0.7:7070" }, MESH)).toBeNull();
  });
});

describe("what the platform says of a request that found nobody", () => {
  it.each([
    ["ProxyError: connection_refused", "connection_refused", "connection_refused"],
    ["Error: ProxyError: dns_error", "dns_error", "dns_error"],
    ["destination_unavailable", "destination_unavailable", "connection_refused"],
    ["tls_alert_received", "tls_alert_received", "tls_certificate_error"],
    ["connection_limit_reached", "connection_limit_reached", "busy"],
    // Of anything else no word is passed on.
    [
      "ProxyError: connection_refused at 10.0.0.7",
      "connection_terminated",
      "connection_terminated",
    ],
    ["constructor", "connection_terminated", "connection_terminated"],
    ["card 4111 1111", "connection_terminated", "connection_terminated"],
  ] as const)("is a name of RFC 9209: it throws %j", async (text, name, code) => {
    const { found } = network(() => Promise.reject(new Error(text)));
    const failure = await failing(found);
    expect(failure).toBe(name);
    expect(failureOf(failure!)).toBe(code);
  });

  it("is a timeout where our own limit came first", async () => {
    const { found } = network(() => Promise.reject(new DOMException("", "TimeoutError")));
    expect(await failing(found)).toBe("connection_timeout");
  });

  it("is read from an answer that the platform made up, and from no other", async () => {
    const said = (body: string, status = 500, type = "text/plain") =>
      network(() => new Response(body, { status, headers: { "content-type": type } })).found;
    expect(await failing(said("ProxyError: connection_refused"))).toBe("connection_refused");
    expect(await failing(said("ProxyError: dns_timeout\n", 502))).toBe("dns_timeout");
    // No connector answers so, whatever it says.
    expect(await failing(said("ProxyError: no_such_error"))).toBe("http_protocol_error");
    const long = `ProxyError: connection_refused${" ".repeat(1_000)}`;
    expect(await failing(said(long))).toBe("http_protocol_error");
    for (const found of [
      said("ProxyError: connection_refused", 200),
      said("ProxyError: connection_refused", 500, "application/json"),
    ]) {
      await found.fetch(ASKED, {});
      expect(found.failure).toBeNull();
    }
  });

  it("is forgotten when it is answered again", async () => {
    let up = false;
    const { found } = network(() => (up ? new Response() : Promise.reject(new Error("dns_error"))));
    expect(await failing(found)).toBe("dns_error");
    up = true;
    await found.fetch(ASKED, {});
    expect(found.failure).toBeNull();
  });
});
