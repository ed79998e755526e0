/** As in wrangler.jsonc. The date may not be newer than the workerd that is installed. */
export const COMPATIBILITY = {
  compatibility_date: "2026-11-01",
  compatibility_flags: ["nodejs_compat"],
};
