export { openStores, type StoreServer } from "./http-stores.ts";
export { memoryStores } from "./memory-stores.ts";
export { nullStores } from "./null-stores.ts";
export {
  type ChatMessage,
  type FeedbackStore,
  type NewFeedback,
  type SessionStore,
  type Span,
  type StoredFeedback,
  StoreError,
  type Stores,
  type Trace,
  type TraceStore,
} from "./stores.ts";
