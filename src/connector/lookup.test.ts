import { describe, expect, it } from "vitest";
import { isProhibited } from "./lookup.ts";
import { networkFailure } from "./network-failure.ts";

describe("where a name may lead", () => {
  it.each([
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
  ])("not to %s", (address) => {
    expect(isProhibited(address, address.includes(":") ? 6 : 4)).toBe(true);
  });

  it.each(["127.0.0.1", "10.0.0.1", "192.168.1.1", "93.184.216.34", "::1", "fd12::1", "2606::1"])(
    "to %s, if the list names it",
    (address) => {
      expect(isProhibited(address, address.includes(":") ? 6 : 4)).toBe(false);
    },
  );
});

describe("the name of a network failure", () => {
  it.each([
    ["ECONNREFUSED", "connection_refused"],
    ["UND_ERR_CONNECT_TIMEOUT", "connection_timeout"],
    ["ENOTFOUND", "dns_error"],
    ["POSTERN_IP_PROHIBITED", "destination_ip_prohibited"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls_certificate_error"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls_certificate_error"],
    ["UND_ERR_SOCKET", "connection_terminated"],
    ["toString", "connection_terminated"],
  ])("is taken from its code: %s", (code, name) => {
    expect(networkFailure(Object.assign(new Error("ENOTFOUND"), { code }))).toBe(name);
  });

  it("survives anything that is thrown", () => {
    for (const thrown of [null, undefined, "ECONNREFUSED", 5, {}, { code: 5 }]) {
      expect(networkFailure(thrown)).toBe("connection_terminated");
    }
  });
});
