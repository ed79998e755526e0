import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { reconnected } from "../support/reconnected.ts";
import { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** Trust is data: who may start what, for how long, and how much of it at a time. */
export function trustCases(world: () => World): void {
  const FEW = { purpose: "few", tools: ["lab_note"] } as const;
  const AT_ONCE = 2;

  /** By a human nobody else of this suite is. */
  async function start(login: string, lifeMs?: number): Promise<Answer> {
    const { globex, stranger } = world();
    const wish = { ...FEW, ...(lifeMs !== undefined && { lifeMs }) };
    return globex.redeem(stranger, await globex.signIn(login), wish);
  }

  function opened(answer: Answer): Workflow {
    const { globex, stranger } = world();
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    return Workflow.from(globex, stranger, answer);
  }

  function expectTooMany({ status, body }: Answer): void {
    expect(status).toBe(400);
    expect(body).toMatchObject({
      error: "access_denied",
      outcome: {
        outcome: "policy_denied",
        call: null,
        reason: { code: "trust_denied", ruleIds: ["core:live", "trust:few"] },
      },
    });
  }

  describe("live workflows of one human with one agent", () => {
    it("are capped, also over the death of the gateway; a closed one makes room", async () => {
      const { host } = world();
      const first = opened(await start("nia"));
      opened(await start("nia"));
      expectTooMany(await start("nia"));
      opened(await start("another"));
      await host.kill("gateway");
      await host.restart("gateway");
      expectTooMany(await start("nia"));
      expect((await first.request("POST", "/close")).status).toBe(200);
      opened(await start("nia"));
      expectTooMany(await start("nia"));
      await reconnected(world().host);
    });

    it("do not count once their time is over, and count again with the next", async () => {
      // Of less than two whole seconds nothing may be left when the credential is made.
      for (let n = 0; n < AT_ONCE; n++) opened(await start("omar", 2_500));
      let answer = await start("omar");
      for (; answer.status !== 200; answer = await start("omar")) {
        expectTooMany(answer);
        await sleep(50);
      }
      opened(answer);
    });

    it("are counted as they are opened: of many at once no more get in", async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => start("pia")));
      const refused = answers.filter(({ status }) => status !== 200);
      expect(answers.length - refused.length).toBe(AT_ONCE);
      for (const answer of refused) expectTooMany(answer);
    });
  });

  describe("a start outside trust", () => {
    it("is denied with its rule, the same over OAuth and as JSON, and is in the record", async () => {
      const { acme, agent, host } = world();
      const wish = { purpose: "burglary" };
      const outcome = {
        outcome: "policy_denied",
        call: null,
        reason: {
          ...{ code: "trust_denied", ruleIds: ["default:trust"] },
          ...{
            policyVersion: expect.stringMatching(/^[0-9a-f]{64}$/),
            message: expect.any(String),
          },
        },
      };
      const refusals = async (): Promise<number> =>
        (await host.record("acme")).filter(
          ({ event }) =>
            event.type === "exchange.refused" &&
            event["code"] === "trust_denied" &&
            event["agent"] === agent.id &&
            JSON.stringify(event["ruleIds"]) === '["default:trust"]',
        ).length;
      const before = await refusals();
      const url = `${acme.url}/v1/workflows`;
      const answers = [
        await acme.redeem(agent, await acme.signIn("dana"), wish),
        await send(url, {
          method: "POST",
          headers: { "content-type": "application/json", dpop: await agent.proof("POST", url) },
          body: JSON.stringify({
            subject_token: await acme.signIn("dana"),
            client_assertion: await agent.assertion(acme.tokenEndpoint),
            ...wish,
          }),
        }),
      ];
      for (const { status, body } of answers) {
        expect([status, body]).toEqual([
          400,
          { error: "access_denied", error_description: outcome.reason.message, outcome },
        ]);
      }
      expect(await refusals()).toBe(before + 2);
      expect(JSON.stringify(await host.record("acme"))).not.toContain("burglary");
    });
  });

  describe("postern trust", () => {
    const run = (...args: string[]) => world().host.trust(...args, "--tenant", "acme");

    it("shows what the active bundle says, under its version", async () => {
      const { acme, agent, host } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const [first] = await workflow.events();
      const { code, stdout } = await run("show", "--json");
      expect(code).toBe(0);
      const view = JSON.parse(stdout) as { readonly edges: readonly { readonly id: string }[] };
      expect(view).toMatchObject({
        policyVersion: first?.event["policyVersion"],
        edges: expect.arrayContaining([
          expect.objectContaining({ id: "few", purposes: ["few"], maxLive: AT_ONCE }),
        ]),
        locks: [],
      });
      const spoken = await run("show");
      for (const { id } of view.edges) expect(spoken.stdout).toContain(`trust:${id}\n`);
      await host.lock("add", "tool", "lab_note", "--reason", "x", "--tenant", "acme");
      const locked = JSON.parse((await run("who-can", "lab_note", "--json")).stdout) as {
        readonly locks: readonly { readonly id: string; readonly target: string }[];
      };
      await host.lock("remove", String(locked.locks[0]?.id), "--tenant", "acme");
      expect(locked.locks).toMatchObject([{ target: "tool", value: "lab_note" }]);
    });

    it("names every way to a tool; whoever it names gets in, whoever it does not, does not", async () => {
      const { acme, agent } = world();
      const { code, stdout } = await run("who-can", "invoices_list", "--json");
      expect(code).toBe(0);
      const { ways } = JSON.parse(stdout) as {
        readonly ways: readonly {
          readonly through: readonly string[];
          readonly purposes: readonly string[];
          readonly humans: { readonly groups?: readonly string[] };
          readonly agents: readonly string[];
        }[];
      };
      const people = { dana: "support", erin: "billing-admins" };
      for (const [login, group] of Object.entries(people)) {
        for (const purpose of ["support-case", "billing-review", "few"]) {
          const named = ways.some(
            (way) =>
              way.humans.groups?.includes(group) === true &&
              way.purposes.includes(purpose) &&
              way.agents.length === 1 &&
              way.agents[0] === agent.id,
          );
          const wish = { purpose, tools: ["invoices_list"] };
          const { status } = await acme.redeem(agent, await acme.signIn(login), wish);
          expect([login, purpose, status]).toEqual([login, purpose, named ? 200 : 400]);
        }
      }
    });

    it("follows delegation, tool by tool, just as seats are given", async () => {
      const { acme, agent, helper } = world();
      const waysTo = async (tool: string): Promise<readonly (readonly [string, string])[]> => {
        const { stdout } = await run("who-can", tool, "--json");
        const { ways } = JSON.parse(stdout) as {
          readonly ways: readonly { agents: readonly string[]; through: readonly string[] }[];
        };
        return ways.map((way) => [way.agents.join(" > "), way.through.join(" > ")]);
      };
      const hop = ["support-agent > helper-agent", "trust:lab > delegation:help"];
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      for (const [tool, delegated] of [
        ["lab_write", true],
        ["lab_vault", false],
      ] as const) {
        const ways = await waysTo(tool);
        expect(ways).toContainEqual(["support-agent", "trust:lab"]);
        if (delegated) expect(ways).toContainEqual(hop);
        else expect(ways.filter(([agents]) => agents.includes(">"))).toEqual([]);
        const { status } = await acme.delegate(workflow, helper, { tools: [tool] });
        expect([tool, status]).toEqual([tool, delegated ? 200 : 400]);
      }
    });

    it("ends with 1 for a tool that nobody knows, and asks whether another was meant", async () => {
      const { code, stdout } = await run("who-can", "lab_nte");
      expect([code, stdout]).toEqual([1, expect.stringContaining("did you mean lab_note?")]);
    });
  });
}
