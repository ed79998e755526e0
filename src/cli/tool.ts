import { Command } from "commander";
import type { Finish } from "./main.ts";
import { pinCommand, tierCommand } from "./tool-file.ts";
import { listToolsCommand, quarantineToolCommand, showToolCommand } from "./tool-inventory.ts";
import { importMcpCommand } from "./tool-mcp.ts";
import { importOpenApiCommand } from "./tool-openapi.ts";

export function toolCommand(finish: Finish): Command {
  return new Command("tool")
    .description("what agents may call: import it, review it, stop it")
    .addCommand(
      new Command("import")
        .description("describe the tools of a service in a bundle, for a person to review")
        .addCommand(importOpenApiCommand(finish))
        .addCommand(importMcpCommand(finish)),
    )
    .addCommand(listToolsCommand())
    .addCommand(showToolCommand())
    .addCommand(tierCommand(finish))
    .addCommand(pinCommand(finish))
    .addCommand(quarantineToolCommand(finish));
}
