// Once for the whole run: the seeded database, in a folder that goes when the run ends.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program, root } from "./programs";
import { makeTemplate, recorded } from "./world";

export default async function prepare(): Promise<() => Promise<void>> {
  for (const needed of [program("recharge"), program("stripe-simulator"), join(root, "target/site/pkg/recharge.wasm")]) {
    if (!existsSync(needed)) throw new Error(`${needed} is missing: start the tests with make e2e`);
  }
  await rm(recorded, { recursive: true, force: true });
  const folder = await mkdtemp(join(tmpdir(), "recharge-template-"));
  process.env.RECHARGE_TEMPLATE = join(folder, "recharge.db");
  await makeTemplate(process.env.RECHARGE_TEMPLATE);
  return () => rm(folder, { recursive: true, force: true });
}
