import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import protobuf from "protobufjs";

/** What the published schema knows of a span. */
export interface DecodedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status: string;
  attributes: Record<string, string>;
}

export interface Collector {
  readonly url: string;
  readonly spans: DecodedSpan[];
  readonly requests: { path: string; headers: IncomingHttpHeaders }[];
  /** Answers of the next requests, in order; then 200. */
  answers: { status: number; headers?: Record<string, string> }[];
  close(): Promise<void>;
}

/** github.com/open-telemetry/opentelemetry-proto at ac2c4b5d1f3a6079de62f9afec860158ecc8af09, as it is published. */
const root = new protobuf.Root();
root.resolvePath = (_from, file) => path.join(import.meta.dirname, file);
root.loadSync("opentelemetry/proto/collector/trace/v1/trace_service.proto");
const Request = root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest");

/** A receiver of OTLP/HTTP in JSON that knows it by the published schema alone. */
export async function startCollector(): Promise<Collector> {
  const spans: DecodedSpan[] = [];
  const requests: Collector["requests"] = [];
  const collector = { spans, requests, answers: [] as Collector["answers"] };
  const server: Server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      requests.push({ path: request.url ?? "", headers: request.headers });
      const { status, headers = {} } = collector.answers.shift() ?? { status: 200 };
      if (status === 200) spans.push(...decode(JSON.parse(body)));
      response.writeHead(status, { "content-type": "application/json", ...headers }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(collector, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

/** Reads JSON by the schema, through its binary form. Throws on a field that the schema does not know. */
function decode(json: unknown): DecodedSpan[] {
  const read = Request.fromObject(fitting(Request, json, "request"));
  const refused = Request.verify(read);
  if (refused) throw new Error(refused);
  const message = Request.decode(Request.encode(read).finish());
  const { resourceSpans } = Request.toObject(message, { longs: String, enums: String, defaults: true }) as {
    resourceSpans: { resource: object; scopeSpans: { spans: Raw[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans.map(toDecoded)));
}

interface Raw extends Omit<DecodedSpan, "traceId" | "spanId" | "parentSpanId" | "attributes" | "status"> {
  traceId: Uint8Array;
  spanId: Uint8Array;
  parentSpanId: Uint8Array;
  status: { code: string };
  attributes: { key: string; value: Record<string, unknown> }[];
}

function toDecoded({ traceId, spanId, parentSpanId, status, attributes, ...rest }: Raw): DecodedSpan {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return {
    ...rest,
    traceId: hex(traceId),
    spanId: hex(spanId),
    parentSpanId: hex(parentSpanId),
    status: status.code,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])])),
  };
}

/** The one departure of OTLP's JSON from Protobuf's: ids are hexadecimal. https://opentelemetry.io/docs/specs/otlp/ */
const HEX = ["traceId", "spanId", "parentSpanId"];

function fitting(type: protobuf.Type, value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${at} is no message`);
  return Object.fromEntries(
    Object.entries(value).map(([name, given]) => {
      const field = type.fields[name]?.resolve();
      if (!field) throw new Error(`${at}: ${type.name} has no field ${name}`);
      if (HEX.includes(name) && !/^([0-9a-f]{16}|[0-9a-f]{32})$/.test(String(given)))
        throw new Error(`${at}.${name} is no id`);
      const one = (each: unknown) => {
        if (HEX.includes(name)) return Buffer.from(String(each), "hex");
        return field.resolvedType instanceof protobuf.Type ? fitting(field.resolvedType, each, `${at}.${name}`) : each;
      };
      return [name, field.repeated ? (given as unknown[]).map(one) : one(given)];
    }),
  );
}
