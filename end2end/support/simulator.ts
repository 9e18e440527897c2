// The controls of the Stripe simulator: what Stripe and its customers do behind the server's back.

export type Session = { id: string; url: string; status: string; payment_status: string; client_reference_id: string } & Record<string, unknown>;

/** How webhooks misbehave from now on; `{}` is: each once, at once. */
export type WebhookPolicy = { drop?: boolean; delay_ms?: number; duplicates?: number; reorder?: number; signature?: string; types?: string[] };

/** How answers on a path go wrong, for `times` requests or for all. */
export type Fault = {
  path: string;
  method?: "GET" | "POST";
  status?: number;
  body?: string;
  html?: boolean;
  delay_ms?: number;
  after_doing?: boolean;
  drop_connection?: boolean;
  times?: number;
};

export class Simulator {
  constructor(readonly url: string) {}

  /** Every checkout session, oldest first. */
  sessions(): Promise<Session[]> {
    return this.call("GET", "/sessions");
  }

  /** The checkout session that was made last. */
  async lastSession(): Promise<Session> {
    const session = (await this.sessions()).at(-1);
    if (!session) throw new Error("no checkout session was made");
    return session;
  }

  /** The customer pays (or not) without a browser. */
  pay(session: string, outcome: string): Promise<Session> {
    return this.call("POST", `/sessions/${session}/pay`, { outcome });
  }

  /** The bank answers for a delayed payment. */
  settle(session: string, outcome: string): Promise<unknown> {
    return this.call("POST", `/sessions/${session}/settle`, { outcome });
  }

  expire(session: string): Promise<unknown> {
    return this.call("POST", `/sessions/${session}/expire`);
  }

  webhooks(policy: WebhookPolicy): Promise<unknown> {
    return this.call("POST", "/webhooks", policy);
  }

  /** Waits until no webhook is under way. */
  async idle(): Promise<void> {
    const { idle } = await this.call<{ idle: boolean }>("POST", "/idle", {});
    if (!idle) throw new Error("webhooks are still under way");
  }

  fault(fault: Fault): Promise<unknown> {
    return this.call("POST", "/faults", fault);
  }

  clearFaults(): Promise<unknown> {
    return this.call("DELETE", "/faults");
  }

  /** What the server asked, oldest first. */
  requests(method: string, path: string): Promise<Record<string, unknown>[]> {
    return this.call("GET", `/requests?${new URLSearchParams({ method, path })}`);
  }

  /** Any other control; GET /_control lists them. */
  async call<Answer = unknown>(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(`${this.url}/_control${path}`, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`simulator: ${method} ${path}: ${answer.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as Answer;
  }
}
