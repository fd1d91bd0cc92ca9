/** The manifests fit Kubernetes' own schemas, each other, and the code. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as apps from "kubernetes-models/apps/v1";
import * as scaling from "kubernetes-models/autoscaling/v2";
import * as batch from "kubernetes-models/batch/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { settingsSchema } from "../../src/cli/settings.ts";
import { metrics } from "../../src/telemetry/metrics.ts";
import { read } from "./files.ts";

const FOLDER = "deploy/k8s";

interface Checked {
  validate(): void;
}
/** Kubernetes' schema of each kind. */
const schemas: Readonly<Record<string, new (data: never) => Checked>> = {
  Deployment: apps.Deployment,
  StatefulSet: apps.StatefulSet,
  HorizontalPodAutoscaler: scaling.HorizontalPodAutoscaler,
  Job: batch.Job,
  NetworkPolicy: networking.NetworkPolicy,
  PodDisruptionBudget: policy.PodDisruptionBudget,
  ConfigMap: core.ConfigMap,
  Secret: core.Secret,
  Service: core.Service,
  ServiceAccount: core.ServiceAccount,
};

const labels = z.record(z.string(), z.string());
const env = z.object({ name: z.string(), value: z.string().optional() });
const container = z.object({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(env).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })).default([]),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  resources: z.object({ requests: labels, limits: labels }),
  livenessProbe: z.unknown().optional(),
  readinessProbe: z.unknown().optional(),
  startupProbe: z.unknown().optional(),
});
const pod = z.object({
  metadata: z.object({ labels }),
  spec: z.object({
    automountServiceAccountToken: z.literal(false),
    enableServiceLinks: z.literal(false),
    securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.int().min(1) }),
    terminationGracePeriodSeconds: z.int().optional(),
    containers: z.array(container),
  }),
});
const manifest = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), labels }),
  spec: z.looseObject({ template: z.unknown().optional() }).optional(),
});
type Manifest = z.output<typeof manifest>;

async function manifestsOf(file: string): Promise<Manifest[]> {
  const documents = parseAllDocuments(await read(`${FOLDER}/${file}`));
  return documents.map((document) => manifest.parse(document.toJS()));
}

const files = Array.from(Deno.readDirSync(new URL(`../../${FOLDER}`, import.meta.url)))
  .map(({ name }) => name).filter((name) => name !== "kustomization.yaml").toSorted();
const all = (await Promise.all(files.map(manifestsOf))).flat();
const pods = all.flatMap(({ spec }) => spec?.template ? [pod.parse(spec.template)] : []);

Deno.test("every manifest fits the schema of its kind", () => {
  for (const one of all) {
    const Schema = schemas[one.kind];
    assert(Schema, one.kind);
    new Schema(one as never).validate();
  }
  const [deployment] = all.filter(({ kind }) => kind === "Deployment");
  const broken = { ...deployment, spec: { ...deployment?.spec, replicas: "two" } };
  assertThrows(() => new apps.Deployment(broken as never).validate(), Error, "replicas");
});

Deno.test("kustomize applies every file but the trial's, and each file is one family", async () => {
  const { resources } = parse(await read(`${FOLDER}/kustomization.yaml`));
  assertEquals(resources.toSorted(), files.filter((file) => file !== "postgres-trial.yaml"));
  const contract = ["api.yaml", "hpa.yaml", "migrate.yaml", "postgres-trial.yaml", "worker.yaml"];
  assertEquals(contract.filter((file) => !files.includes(file)), []);
});

Deno.test("no pod is root, writes its image, holds a right, or goes without limits", () => {
  // Parsing has asked for it: what is missing does not get here.
  assertEquals(pods.length, 4);
});

Deno.test("commands and settings are those of the program, the ports those of the probes", async () => {
  const { data } = z.object({ data: labels }).parse((await manifestsOf("config.yaml"))[0]);
  const ours = pods.flatMap(({ spec }) => spec.containers).filter(({ image }) =>
    image === "perdura"
  );
  assertEquals(ours.map(({ args }) => args[0]).toSorted(), ["api", "migrate", "worker"]);
  const names = [...Object.keys(data), ...ours.flatMap(({ env }) => env.map(({ name }) => name))];
  assertEquals(names.filter((name) => !(name in settingsSchema.shape)), []);
  for (const { name, ports, ...probes } of ours.filter(({ ports }) => ports.length > 0)) {
    for (const probe of [probes.livenessProbe, probes.readinessProbe, probes.startupProbe]) {
      const { httpGet } = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) })
        .parse(probe);
      assertEquals(ports.map(({ name }) => name), [httpGet.port], name);
      assert(["/health/live", "/health/ready"].includes(httpGet.path), httpGet.path);
    }
  }
});

Deno.test("a worker gets more time to stop than it takes", async () => {
  const [worker] = (await manifestsOf("worker.yaml")).map(({ spec }) => pod.parse(spec?.template));
  const values = worker?.spec.containers[0]?.env ?? [];
  const shutdownMs = Number(values.find(({ name }) => name === "SHUTDOWN_MS")?.value);
  assert(Number(worker?.spec.terminationGracePeriodSeconds) * 1000 > shutdownMs);
});

Deno.test("workers are scaled by a metric that there is", async () => {
  const text = await read(`${FOLDER}/hpa.yaml`);
  const [, name] = /name: (perdura_\w+)/.exec(text) ?? [];
  assert(metrics.some((metric) => metric.name === name && metric.labels.length === 0), name);
});

Deno.test("every pod has a policy of the network, and none lets in whoever comes", () => {
  const rule = z.object({
    spec: z.object({
      podSelector: z.object({ matchLabels: labels }),
      policyTypes: z.array(z.string()),
      ingress: z.array(z.object({ from: z.array(z.unknown()).min(1) })).default([]),
    }),
  });
  const policies = all.filter(({ kind }) => kind === "NetworkPolicy").map((one) => rule.parse(one));
  const component = (all: Record<string, string>) => all["app.kubernetes.io/component"];
  assertEquals(
    policies.map(({ spec }) => component(spec.podSelector.matchLabels)).toSorted(),
    pods.map(({ metadata }) => component(metadata.labels)).toSorted(),
  );
  for (const { spec } of policies) assert(spec.policyTypes.includes("Ingress"));
});

Deno.test("whoever selects pods selects some", () => {
  const known = pods.map(({ metadata }) => metadata.labels["app.kubernetes.io/component"]);
  const text = JSON.stringify(all);
  const asked = Array.from(
    text.matchAll(/"app.kubernetes.io\/component":"([\w-]+)"/g),
    ([, c]) => c,
  );
  assertEquals([...new Set(asked)].filter((component) => !known.includes(component)), []);
});
