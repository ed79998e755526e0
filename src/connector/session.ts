import { randomBytes } from "node:crypto";
import type { Clock, Socket } from "../tunnel/socket.ts";
import { ConnectorEnd, type EndReason, type Identity } from "./end.ts";
import type { Journal } from "./journal.ts";
import type { OwnKey } from "./own-key.ts";
import { seenState } from "./seen.ts";
import { serve, type Service } from "./serve.ts";
import type { TrustedKeys } from "./trusted-keys.ts";

/** What every session of this connector leans on, whoever dialled. */
export interface SessionParts {
  readonly identity: Identity;
  readonly service: Service;
  readonly journal: Journal;
  readonly keys: TrustedKeys;
  readonly own: OwnKey;
  /** A session has begun. */
  ready(): void;
  /** Somebody wants this connector to finish, and to stop. */
  told(): void;
}

/** It goes on all the same: who answers at an address, or dials it, can change. */
const ENROL_ANEW =
  "whoever answers is not the gateway of this connector's enrolment, or its key was locked or changed too often while this connector was away: check the URL; if it is right, move stateDir away and enrol anew with --join";

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Of `hello`. */
export function newNonce(): string {
  return randomBytes(32).toString("hex");
}

/** `over` says whether the session ever began. */
export function sessionOn(
  parts: SessionParts,
  socket: Socket,
  events: { began?(): void; silent?(heard: AbortSignal): void; over(began: boolean): void },
): ConnectorEnd {
  const { identity, service, journal, keys, own, ready, told } = parts;
  const { log } = service;
  const { connector } = identity;
  let began = false;
  return new ConnectorEnd(identity, socket, systemClock, {
    serve: (job) => serve(service, job),
    seen: (call) => seenState(journal, service.executors, call),
    nonce: newNonce,
    keys: (known) => keys.replace(known),
    rotate: (text) => own.offer(text),
    rotated: () => {
      log("info", "key_rotated", { connector });
      void own.taken();
    },
    drain: () => {
      log("info", "drain_asked", { connector });
      told();
    },
    began: (session) => {
      began = true;
      void own.began();
      log("info", "session_begun", { connector, session });
      events.began?.();
      ready();
    },
    silent: (heard) => events.silent?.(heard),
    ended: (reason: EndReason) => {
      log(reason === "stopped" ? "info" : "warn", "session_ended", { reason });
      if (reason === "gateway_key_unknown") log("error", reason, { advice: ENROL_ANEW });
      if (!began) own.failed();
      events.over(began);
    },
  });
}
