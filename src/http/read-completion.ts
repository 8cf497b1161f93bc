import { type Static, Type } from "typebox";
import { SNIFF_BYTES, sniffMedia } from "../agent/sniff-media.ts";
import { GatewayError } from "../errors.ts";
import type { SentMessage } from "../talk/open-talk.ts";

const MAX_MESSAGES = 2_000;
const MAX_IMAGES = 20;

/**
 * The fields of a request for a chat completion that count here. Others are taken and have no effect, since each client
 * sends some of its own: how an agent samples, thinks and calls tools is its card's affair.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export const CompletionRequest = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 200, description: "The name of an agent." }),
    messages: Type.Array(Type.Object({ role: Type.String(), content: Type.Optional(Type.Unknown()) }), {
      minItems: 1,
      maxItems: MAX_MESSAGES,
      description: "The last one is the user's. In a session it alone is new; the gateway has the others.",
    }),
    stream: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
    stream_options: Type.Optional(
      Type.Union([Type.Object({ include_usage: Type.Optional(Type.Boolean()) }), Type.Null()]),
    ),
    user: Type.Optional(
      Type.String({
        maxLength: 200,
        description: "Whoever asks. Sent without earlier messages, it goes on with their one session with the agent.",
      }),
    ),
    session_id: Type.Optional(
      Type.String({ maxLength: 200, description: "A session to go on with; also metadata.session_id, X-Session-Id." }),
    ),
    metadata: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
    n: Type.Optional(Type.Union([Type.Literal(1), Type.Null()])),
    tools: Type.Optional(Type.Unknown({ description: "Refused: an agent calls tools of its own." })),
    functions: Type.Optional(Type.Unknown({ description: "Refused, like tools." })),
    response_format: Type.Optional(Type.Unknown({ description: "Refused, but for text." })),
  },
  { additionalProperties: true },
);

type Request = Static<typeof CompletionRequest>;

/** What was said, by the request. */
export interface SaidBefore {
  /** What the client wants of the answer. */
  wish: string;
  past: SentMessage[];
  turn: SentMessage;
}

/** Throws `invalid`. */
export function readCompletion(request: Request): SaidBefore {
  refuseWhatHasNoMeaning(request);
  const wishes: string[] = [];
  const said: SentMessage[] = [];
  for (const [index, { role, content }] of request.messages.entries()) {
    const at = `messages.${index}`;
    const { text, images } = readContent(content, at);
    if (role === "system" || role === "developer") wishes.push(text);
    else if (role === "user" || role === "assistant") {
      // Of calls of tools there are no words.
      if (text.trim() !== "" || images.length > 0) {
        said.push({ role, text: role === "assistant" ? text.trim() : text, images });
      }
    } else if (role !== "tool" && role !== "function") {
      throw new GatewayError("invalid", `${at}.role must be system, developer, user, assistant or tool.`);
    }
  }
  const turn = said.pop();
  if (turn?.role !== "user") throw new GatewayError("invalid", "messages must end with what the user says.");
  if ([...said, turn].flatMap(({ images }) => images).length > MAX_IMAGES) {
    throw new GatewayError("invalid", `messages may have ${MAX_IMAGES} pictures.`);
  }
  return { wish: wishes.filter((text) => text.trim() !== "").join("\n\n"), past: said, turn };
}

/** The session that a request names; null = none. */
export function sessionNamed(request: Request, header: string | string[] | undefined): string | null {
  const { session_id: named, metadata } = request;
  const inMetadata = metadata?.["session_id"];
  return named ?? (typeof inMetadata === "string" ? inMetadata : null) ?? (typeof header === "string" ? header : null);
}

function refuseWhatHasNoMeaning({ tools, functions, response_format: format }: Request): void {
  for (const [field, value] of Object.entries({ tools, functions })) {
    const none = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!none) throw new GatewayError("invalid", `${field}: agents call tools of their own; leave ${field} out.`);
  }
  const type = typeof format === "object" && format !== null && "type" in format ? format.type : undefined;
  const plain = format === undefined || format === null || type === "text";
  if (!plain) throw new GatewayError("invalid", "response_format: agents answer in text; leave it out.");
}

function readContent(content: unknown, at: string): Omit<SentMessage, "role"> {
  if (content === undefined || content === null) return { text: "", images: [] };
  if (typeof content === "string") return { text: content, images: [] };
  if (!Array.isArray(content)) throw new GatewayError("invalid", `${at}.content must be a text or a list of parts.`);
  const texts: string[] = [];
  const images: SentMessage["images"] = [];
  for (const [index, part] of (content as unknown[]).entries()) {
    const where = `${at}.content.${index}`;
    const { type, text, image_url: image } = (part ?? {}) as Record<string, unknown>;
    if ((type === "text" || type === "refusal") && typeof text === "string") texts.push(text);
    else if (type === "image_url") images.push(readImage(image, where));
    else throw new GatewayError("invalid", `${where}: only parts of type text and image_url are taken here.`);
  }
  return { text: texts.join("\n"), images };
}

/** Nothing is fetched: what an address answers would be the gateway's own act. */
function readImage(image: unknown, at: string): SentMessage["images"][number] {
  const url = typeof image === "object" && image !== null && "url" in image ? image.url : image;
  const data = typeof url === "string" ? /^data:image\/[\w.+-]+;base64,([A-Za-z0-9+/=_-]+)$/.exec(url)?.[1] : undefined;
  if (data === undefined) throw new GatewayError("invalid", `${at}: a picture must come as data:image/…;base64,…`);
  const bytes = Buffer.from(data, "base64");
  const { mediaType, reads } = sniffMedia(bytes.subarray(0, SNIFF_BYTES), { kind: "image" });
  if (reads !== "image") throw new GatewayError("invalid", `${at}: this is no PNG, JPEG, GIF or WebP picture.`);
  return { bytes, mediaType };
}
