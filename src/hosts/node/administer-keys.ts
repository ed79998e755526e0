import type { KeyPurpose } from "../../core/model/signing-key.ts";
import { KEY_TIMES, type RingKey } from "../../identity/key-ring.ts";
import type { Administration, KeyView } from "../../surfaces/admin/ports.ts";
import type { NodeKeys, PurposeKeys } from "./keys.ts";

/** What an administrator may do with the gateway's own keys. */
export function keyAdministration(keys: NodeKeys): Pick<Administration, "listKeys" | "rotateKeys"> {
  return {
    listKeys: (tenant) => keys.list(tenant).flatMap(viewsOf),
    async rotateKeys(tenant, { purposes, now }) {
      const answer = await keys.rotate(tenant, purposes, now);
      if (!answer.ok) return answer;
      return { ok: true, keys: answer.keys.flatMap(viewsOf), recorded: answer.recorded };
    },
  };
}

function viewsOf({ purpose, ring }: PurposeKeys): readonly KeyView[] {
  return ring.map((key) => viewOf(purpose, key));
}

function viewOf(
  purpose: KeyPurpose,
  { kid, state, publishedAt, activeAt, retiredAt }: RingKey,
): KeyView {
  const { useMs, keepMs } = KEY_TIMES[purpose];
  const after = (ms: number): string | null => (retiredAt === null ? null : timeOf(retiredAt + ms));
  return {
    ...{ purpose, key: kid, state },
    publishedAt: timeOf(publishedAt),
    activeAt: timeOf(activeAt),
    retiredAt: after(0),
    usableUntil: after(useMs),
    goneAt: after(keepMs),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
