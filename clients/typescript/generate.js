// Writes answers.d.ts, functions.js, zod.js and zod.d.ts from clients/schemas/stats_api. `node generate.js`; a test fails when they are behind.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SCHEMAS = new URL("../schemas/stats_api/", import.meta.url);
const NOTE = "// Generated from clients/schemas/stats_api by generate.js: do not edit.\n";
const FORMATS = {
  uuid: "/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i",
  date: "/^\\d{4}-\\d{2}-\\d{2}$/",
  "date-time": "/^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?\\+00:00$/",
};

const pascal = (name) => name.replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase());
const indented = (text) => text.replaceAll("\n", "\n  ");
const typesOf = (schema) => [schema.type].flat();
const refOf = (schema) => schema.$ref.replace("#/$defs/", "");

/** Every type by its name, what it refers to before it; and the functions. */
function read() {
  const functions = [];
  const types = new Map();
  const add = (name, schema) => {
    const known = types.get(name);
    if (known && JSON.stringify(known) !== JSON.stringify(schema)) throw new Error(`Two schemas have another ${name}: name one of them otherwise.`);
    types.set(name, schema);
  };
  for (const file of readdirSync(SCHEMAS).sort()) {
    const { $schema, $defs, title, ...root } = JSON.parse(readFileSync(new URL(file, SCHEMAS), "utf8"));
    const { Arguments, ...shared } = $defs;
    const name = title.replace("stats_api.", "");
    functions.push({ name, type: pascal(name) });
    const placed = (definition) => {
      for (const [, needed] of JSON.stringify(definition).matchAll(/"#\/\$defs\/(\w+)"/g)) {
        placed(shared[needed]);
        add(needed, shared[needed]);
      }
    };
    placed(root);
    add(pascal(name), root);
    add(`${pascal(name)}Arguments`, Arguments);
  }
  return { functions, types };
}

function typescript(schema) {
  if (schema.$ref) return refOf(schema);
  if (schema.anyOf) return schema.anyOf.map(typescript).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const written = {
    string: () => "string",
    integer: () => "number",
    number: () => "number",
    boolean: () => "boolean",
    null: () => "null",
    array: () => `Array<${typescript(schema.items)}>`,
    object: () => {
      const lines = Object.entries(schema.properties).map(([name, property]) => {
        const comment = property.description ? `  /** ${property.description} */\n` : "";
        return `${comment}  ${name}${schema.required.includes(name) ? "" : "?"}: ${indented(typescript(property))};\n`;
      });
      return `{\n${lines.join("")}}`;
    },
  };
  return typesOf(schema).map((type) => written[type]()).join(" | ");
}

function zod(schema) {
  if (schema.$ref) return refOf(schema);
  if (schema.anyOf) return zod(schema.anyOf[0]) + ".nullable()";
  const [type, nullable] = typesOf(schema);
  const least = schema.minimum === undefined ? "" : `.min(${schema.minimum})`;
  const most = schema.maximum === undefined ? "" : `.max(${schema.maximum})`;
  const pattern = schema.pattern ? `/${schema.pattern}/` : schema.format && FORMATS[schema.format];
  const items = () => (schema.minItems === undefined ? "" : `.min(${schema.minItems})`) + (schema.maxItems === undefined ? "" : `.max(${schema.maxItems})`);
  const written = {
    string: () => (schema.enum ? `z.enum(${JSON.stringify(schema.enum.filter((value) => value !== null))})` : `z.string()${pattern ? `.regex(${pattern})` : ""}`),
    integer: () => `z.number().int()${least}${most}`,
    number: () => `z.number()${least}${most}`,
    boolean: () => "z.boolean()",
    null: () => "z.null()",
    array: () => `z.array(${zod(schema.items)})${items()}`,
    object: () => {
      const lines = Object.entries(schema.properties).map(
        ([name, property]) => `  ${name}: ${indented(zod(property))}${schema.required.includes(name) ? "" : ".optional()"},\n`,
      );
      return `z.strictObject({\n${lines.join("")}})`;
    },
  };
  return written[type]() + (nullable ? ".nullable()" : "");
}

/** Content of each generated file, by name. */
export function generated() {
  const { functions, types } = read();
  const each = (write) => functions.map(write).join("");
  const declared = [...types].map(([name, schema]) => {
    const comment = schema.description ? `/** ${schema.description} */\n` : "";
    return `${comment}export type ${name} = ${typescript(schema)};\n\n`;
  });
  const answers = [...types].filter(([name]) => !name.endsWith("Arguments"));
  return {
    "answers.d.ts": `${NOTE}\n${declared.join("")}/** What every reading function answers, as PostgREST gives it. */\nexport interface Answers {\n${each(({ name, type }) => `  ${name}: ${type};\n`)}}\n\n/** What every reading function takes. Dates are inclusive local dates of the business zone. */\nexport interface Arguments {\n${each(({ name, type }) => `  ${name}: ${type}Arguments;\n`)}}\n`,
    "functions.js": `${NOTE}\n/** The reading functions there are. */\nexport const FUNCTIONS = [\n${each(({ name }) => `  "${name}",\n`)}];\n`,
    "zod.js": `${NOTE}\nimport { z } from "zod";\n\n${answers.map(([name, schema]) => `export const ${name} = ${zod(schema)};\n\n`).join("")}/** By the function's name. */\nexport const answers = {\n${each(({ name, type }) => `  ${name}: ${type},\n`)}};\n`,
    "zod.d.ts": `${NOTE}\nimport type { z } from "zod";\nimport type * as types from "./answers.js";\n\n${answers.map(([name]) => `export const ${name}: z.ZodType<types.${name}>;\n`).join("")}\n/** By the function's name. */\nexport const answers: { [F in keyof types.Answers]: z.ZodType<types.Answers[F]> };\n`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, content] of Object.entries(generated())) writeFileSync(new URL(name, import.meta.url), content);
}
