import type { McpDestination } from "../connector/config.ts";
import { HeldBytes } from "../connector/executor.ts";
import type { Offered } from "../policy/mcp/import.ts";

/** What an MCP server offers, asked as its connector asks; null: it does not answer as one. */
export async function offeredBy(
  server: McpDestination,
  folder: string,
): Promise<readonly Offered[] | null> {
  const { McpExecutor } = await import("../connector/mcp.ts");
  const executor = new McpExecutor(server, folder, new HeldBytes());
  try {
    return [...(await executor.list()).values()];
  } catch {
    // Whatever it said, a server wrote it.
    return null;
  } finally {
    await executor.close();
  }
}
