import { expect, it, vi } from "vitest";
import type { Outcome } from "../core/model/outcome.ts";
import { noticeOf, waitingForHumans } from "./humans.ts";

const approval = {
  id: "apr_1",
  url: "https://postern.example/acme/approvals/apr_1",
  expiresAt: "2026-11-29T12:00:00.000Z",
  kinds: ["finance"],
  summary: "Refund \u001b[2J (invoices_refund) on {}.",
  digest: "d",
};
const asked: Outcome = { outcome: "human_approval_required", call: "call_1", approval };
const done: Outcome = { outcome: "ok", call: "call_1", result: { kind: "json", value: 1 } };

it("tells who is waited for before it waits, and nobody where nobody is", async () => {
  const told = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const asks: boolean[] = [];
  const answers = [asked, done];
  const outcome = await waitingForHumans(async (untilDecided) => {
    asks.push(untilDecided);
    return answers.shift()!;
  });
  expect(outcome).toBe(done);
  expect(asks).toEqual([false, true]);
  expect(told).toHaveBeenCalledOnce();
  expect(await waitingForHumans(async () => done)).toBe(done);
  expect(told).toHaveBeenCalledOnce();
  told.mockRestore();
});

it("says what is asked, of whom and until when, without drawing on the terminal", () => {
  expect(noticeOf(approval)).toBe(
    [
      "waiting until 2026-11-29T12:00:00.000Z for humans to approve (finance):",
      "  Refund \\u001b[2J (invoices_refund) on {}.",
      "  postern approval show apr_1 --as PROFILE   (https://postern.example/acme/approvals/apr_1)",
    ].join("\n"),
  );
});
