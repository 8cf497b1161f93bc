import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";

const selector = SerializerSelector();

/**
 * Fastify's own serializers, each compiled when its answer is given for the first time: all of them together would cost
 * every start a quarter of a second, and most are never asked for.
 */
export const serializeAnswer: typeof selector = (schemas, options) => {
  const compile = selector(schemas, options);
  return (route) => {
    let serialize: ReturnType<typeof compile> | null = null;
    return (answer) => (serialize ??= compile(route))(answer);
  };
};
