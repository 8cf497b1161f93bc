import type { MessageEntity } from "grammy/types";

/*
 * What Telegram makes of the formatting a bot sends. It refuses little here and silently drops much, so every drop is
 * reported with its reason. Rules: tdlib td/telegram/MessageEntity.cpp (fix_entities, split_entities,
 * get_input_message_entities).
 */
const SPLITTABLE = ["bold", "italic", "underline", "strikethrough", "spoiler"];
const QUOTES = ["blockquote", "expandable_blockquote"];
/** Code shows no other formatting inside. */
const CODE = ["code", "pre"];
const PRIORITY: Record<string, number> = {
  blockquote: 0,
  expandable_blockquote: 0,
  pre: 10,
  code: 20,
  text_link: 49,
  text_mention: 49,
  bold: 90,
  italic: 91,
  underline: 92,
  strikethrough: 93,
  spoiler: 94,
  custom_emoji: 99,
};
/** MAX_USER_ENTITY_COUNT of get_input_message_entities: "server-side limit". Custom emoji do not count. */
const ENTITY_LIMIT = 100;
/** tdlib/telegram-bot-api#165: "a good approximation of the current limit on the total message entities size". */
const ENTITIES_BYTES = 9500;
const ENTITY_BYTES = 16;

export interface FixedEntities {
  entities: MessageEntity[];
  /** Why something that was asked for will not be shown. */
  dropped: string[];
}

/** Resolves overlaps as Telegram does. Expects entities without empty ones; ranges are not checked here. */
export function fixEntities(entities: readonly MessageEntity[]): FixedEntities {
  if (entities.length === 0) {
    return { entities: [], dropped: [] };
  }
  const dropped: string[] = [];
  const sorted = sortEntities(entities);
  const quotes = withoutOverlaps(sorted.filter(isQuote), dropped);
  const solid = withoutOverlaps(
    sorted.filter((entity) => !isQuote(entity) && !isSplittable(entity)),
    dropped,
  ).filter((entity) => fitsQuotes(entity, quotes, dropped));
  const code = solid.filter((entity) => CODE.includes(entity.type));
  const splittable = sorted.filter(isSplittable).flatMap((entity) => outsideCode(entity, code, dropped));
  return { entities: sortEntities([...quotes, ...solid, ...splitOverlapping(splittable)]), dropped };
}

/** Keeps the first 100 as Telegram counts them: quotes, code and links before bold, italic and the like. */
export function limitEntities(entities: readonly MessageEntity[], dropped: string[]): MessageEntity[] {
  const counted = [
    ...entities.filter((entity) => !isSplittable(entity) && entity.type !== "custom_emoji"),
    ...entities.filter(isSplittable),
  ];
  if (counted.length <= ENTITY_LIMIT) {
    return [...entities];
  }
  const over = new Set(counted.slice(ENTITY_LIMIT));
  for (const entity of over) {
    dropped.push(`${entity.type} at ${entity.offset}: over ${ENTITY_LIMIT} entities`);
  }
  return entities.filter((entity) => !over.has(entity));
}

/** Whether the server finds them too large in all; most of it are the addresses of links. */
export function areTooLarge(entities: readonly MessageEntity[]): boolean {
  const sizes = entities.map((it) => ENTITY_BYTES + (it.type === "text_link" ? Buffer.byteLength(it.url) : 0));
  return sizes.reduce((sum, size) => sum + size, 0) > ENTITIES_BYTES;
}

function sortEntities(entities: readonly MessageEntity[]): MessageEntity[] {
  return entities.toSorted(
    (a, b) => a.offset - b.offset || b.length - a.length || (PRIORITY[a.type] ?? 50) - (PRIORITY[b.type] ?? 50),
  );
}

function isSplittable(entity: MessageEntity): boolean {
  return SPLITTABLE.includes(entity.type);
}

function isQuote(entity: MessageEntity): boolean {
  return QUOTES.includes(entity.type);
}

/** Of entities that must not overlap, the first one wins; expects them sorted. */
function withoutOverlaps(entities: readonly MessageEntity[], dropped: string[]): MessageEntity[] {
  const kept: MessageEntity[] = [];
  let end = 0;
  for (const entity of entities) {
    if (entity.offset < end) {
      dropped.push(`${entity.type} at ${entity.offset}: inside or across another ${kept.at(-1)?.type}`);
    } else {
      kept.push(entity);
      end = entity.offset + entity.length;
    }
  }
  return kept;
}

function fitsQuotes(entity: MessageEntity, quotes: readonly MessageEntity[], dropped: string[]): boolean {
  const end = entity.offset + entity.length;
  const crossed = quotes.find((quote) => {
    const quoteEnd = quote.offset + quote.length;
    const overlaps = entity.offset < quoteEnd && end > quote.offset;
    return overlaps && (entity.offset < quote.offset || end > quoteEnd);
  });
  if (crossed !== undefined) {
    dropped.push(`${entity.type} at ${entity.offset}: across the edge of a quote`);
  }
  return crossed === undefined;
}

/** The parts of a bold or the like that are not inside code. */
function outsideCode(entity: MessageEntity, code: readonly MessageEntity[], dropped: string[]): MessageEntity[] {
  const parts: MessageEntity[] = [];
  const end = entity.offset + entity.length;
  let from = entity.offset;
  for (const block of code) {
    const blockEnd = block.offset + block.length;
    if (block.offset >= end || blockEnd <= from) {
      continue;
    }
    dropped.push(`${entity.type} at ${entity.offset}: inside ${block.type}`);
    if (block.offset > from) {
      parts.push({ ...entity, offset: from, length: block.offset - from });
    }
    from = blockEnd;
  }
  if (from < end) {
    parts.push({ ...entity, offset: from, length: end - from });
  }
  return parts;
}

/** Bold with italic inside becomes bold, both, bold: three entities, which matters for the limit. */
function splitOverlapping(entities: readonly MessageEntity[]): MessageEntity[] {
  const out: MessageEntity[] = [];
  const open = new Map<string, { begin: number; end: number }>();
  const flush = (offset: number): void => {
    for (const type of SPLITTABLE) {
      const range = open.get(type);
      if (range === undefined || range.begin >= offset) {
        continue;
      }
      const end = Math.min(range.end, offset);
      out.push({ type, offset: range.begin, length: end - range.begin } as MessageEntity);
      if (range.end <= offset) {
        open.delete(type);
      } else {
        range.begin = offset;
      }
    }
  };
  for (const { type, offset, length } of sortEntities(entities)) {
    const range = open.get(type);
    if (range !== undefined && offset <= range.end) {
      range.end = Math.max(range.end, offset + length);
    } else {
      flush(offset);
      open.set(type, { begin: offset, end: offset + length });
    }
  }
  flush(Number.POSITIVE_INFINITY);
  return out;
}
