// What an application on Node.js does with the openai package; prints what it got as JSON.
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import OpenAI, { AzureOpenAI, toFile } from "openai";

const key = process.env.GATEWAY_KEY;
const client = new OpenAI({
  baseURL: `${process.env.GATEWAY}/openai/v1/`,
  apiKey: "unused",
  defaultHeaders: { "api-key": key },
});
const azure = new AzureOpenAI({ endpoint: process.env.GATEWAY, apiKey: key, apiVersion: "2024-10-21" });
const messages = [{ role: "user", content: "Hello!" }];
const model = "gpt-5.4";

const chat = await azure.chat.completions.create({ model, messages });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const events = [];
for await (const event of await client.responses.create({ model, input: "Hello!", stream: true })) {
  events.push(event.type);
}
const vectors = await client.embeddings.create({ model: "text-embedding-3-large", input: ["one", "two"] });

const path = process.env.UPLOAD;
const kept = await client.files.create({ file: await toFile(await readFile(path), "lines.jsonl"), purpose: "batch" });
const unsized = await client.files.create({ file: createReadStream(path), purpose: "batch" }).catch((error) => error);

console.log(
  JSON.stringify({
    chat: chat.usage.total_tokens,
    streamed,
    last: events.at(-1),
    vectors: vectors.data.map((each) => each.embedding.length),
    kept: kept.bytes,
    unsized: [unsized.status, unsized.code ?? unsized.bytes],
  }),
);
