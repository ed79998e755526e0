import { describe, expect, it } from "vitest";
import { echoed, readEvaluation } from "./evaluation.ts";

const QUESTION = {
  subject: { type: "agent", id: "support-agent" },
  action: { name: "call" },
  resource: { type: "tool", id: "invoices_refund" },
  context: { arguments: { amount: 1 } },
};

describe("an AuthZEN question", () => {
  it("is one call of whoever asks", () => {
    expect(readEvaluation(QUESTION, "support-agent")).toEqual({
      ok: true,
      tool: "invoices_refund",
      arguments: { amount: 1 },
    });
    const { context: _, ...bare } = QUESTION;
    expect(readEvaluation(bare, "support-agent")).toMatchObject({ ok: true, arguments: {} });
  });

  it("may carry properties, which no policy of ours reads", () => {
    const more = { ...QUESTION, subject: { ...QUESTION.subject, properties: { team: "x" } } };
    expect(readEvaluation(more, "support-agent")).toMatchObject({ ok: true });
  });

  it.each([
    [{ ...QUESTION, subject: { type: "agent", id: "other" } }, ["/subject/id"]],
    [{ ...QUESTION, subject: { type: "user", id: "support-agent" } }, ["/subject/type"]],
    [{ ...QUESTION, action: { name: "read" } }, ["/action/name"]],
    [{ ...QUESTION, resource: { type: "tool" } }, ["/resource/id"]],
    [{ ...QUESTION, context: { tenant: "globex" } }, ["/context"]],
    [{ subject: QUESTION.subject }, ["/action", "/resource"]],
    [[], ["/"]],
  ])("is refused with every place that is wrong: %j", (body, at) => {
    expect(readEvaluation(body, "support-agent")).toEqual({ ok: false, at });
  });

  it("gets its request id back, if that can stand in a header", () => {
    const of = (id: string): Request =>
      new Request("http://x/", { headers: { "x-request-id": id } });
    expect(echoed(of("bfe9eb29-ab87"))).toEqual({ "x-request-id": "bfe9eb29-ab87" });
    expect(echoed(of("a".repeat(257)))).toEqual({});
    expect(echoed(new Request("http://x/"))).toEqual({});
  });
});
