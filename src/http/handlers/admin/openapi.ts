// The admin API described for programs (OpenAPI 3.1), made of the table of its operations.
import { z } from 'zod';
import { type Operation, operations, refusalsOf } from './operations.ts';
import { problem } from './schemas.ts';

type Json = { readonly [name: string]: unknown };

const REFUSAL = { $ref: '#/components/schemas/Refusal' };

/** @param base what stands before the paths, such as /berth/v1 */
export function describeOperations(base: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(id, operation) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Berth admin API',
      version: '1',
      description:
        'Accounts that the registry keeps itself. Administration takes a name and password (Basic), not a token.',
    },
    servers: [{ url: base }],
    security: [{ basic: [] }],
    paths,
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      schemas: { Refusal: schemaOf(problem, 'output') },
    },
  };
}

function describe(operationId: string, operation: Operation): Json {
  const { summary, who, takes, gives } = operation;
  const [status, body] = gives;
  return {
    operationId,
    summary,
    ...(who === 'anybody' && { security: [] }),
    ...(who === 'known' && { security: [{ basic: [] }, { bearer: [] }] }),
    parameters: parametersOf(operation),
    ...(takes && { requestBody: { required: true, content: jsonOf(schemaOf(takes, 'input')) } }),
    responses: {
      [status]: {
        description: status === 204 ? 'Done' : summary,
        ...(operation.isPaged && { headers: { Link: linkHeader } }),
        ...(status !== 204 && { content: jsonOf(body ? schemaOf(body, 'output') : { type: 'object' }) }),
      },
      ...Object.fromEntries(
        refusalsOf(operation).map((refusal) => [
          refusal,
          { description: MEANINGS[refusal] ?? 'Refused', content: jsonOf(REFUSAL) },
        ]),
      ),
    },
  };
}

const linkHeader = {
  description: 'The next page: <path?last=name&n=count>; rel="next". Absent on the last one.',
  schema: { type: 'string' },
};

const MEANINGS: Readonly<Record<number, string>> = {
  400: 'The request is not as described',
  401: 'Other credentials are needed: none came, or a token of limited scope',
  403: 'Not with these credentials',
  404: 'There is no such account',
  409: 'In conflict with the accounts that there are',
  413: 'The body has more than 16 KiB',
  415: 'The body is not application/json',
  429: 'Too many passwords are being hashed; try again later',
};

function parametersOf({ path, isPaged }: Operation): readonly Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  if (!isPaged) return inPath;
  return [
    ...inPath,
    { name: 'n', in: 'query', description: 'Most entries', schema: { type: 'integer', minimum: 0 } },
    { name: 'last', in: 'query', description: 'Entries after this name', schema: { type: 'string' } },
  ];
}

function jsonOf(schema: unknown): Json {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}
