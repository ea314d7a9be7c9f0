// Starts @vercel/cosmosdb-server with its faulty handlers replaced in memory; nothing in node_modules is edited.
// Usage: node launch.js --port N --cert FILE --key FILE --signing-key FILE --roles JSON [--host 127.0.0.1]
"use strict";
const { readFileSync } = require("fs");
const { parseArgs } = require("util");

const text = { type: "string" };
const names = ["port", "cert", "key", "signing-key", "roles"];
const options = { ...Object.fromEntries(names.map(name => [name, text])), host: { ...text, default: "127.0.0.1" } };
const { values } = parseArgs({ options });
for (const name of names) {
    if (!values[name]) {
        console.error(`launch.js: --${name} is missing`);
        process.exit(2);
    }
}

require("./documents").install();
require("./queries").install();
const Account = require("@vercel/cosmosdb-server/lib/account").default;
const { createHttpsServer } = require("@vercel/cosmosdb-server"); // loads the router, so it comes after the replacements
const { withCharges } = require("./charges");
const { withFaults } = require("./faults");
const { makeRights, withRights } = require("./rights");

// The library makes its account when the server starts to listen and keeps it to itself.
let account;
const databasesOf = Object.getOwnPropertyDescriptor(Account.prototype, "database").value;
Account.prototype.database = function remember(id) {
    account = this;
    return databasesOf.call(this, id);
};

const server = createHttpsServer({ keepAlive: true, cert: readFileSync(values.cert), key: readFileSync(values.key) });
const [handle] = server.listeners("request");
server.removeAllListeners("request");
const rights = makeRights(JSON.parse(values.roles), values["signing-key"]);
server.on("request", withFaults(withRights(withCharges(handle), rights), () => account));
server.keepAliveTimeout = 120_000; // longer than a client's pool keeps a connection, so that no request meets a closing one

function expire() {
    const now = Math.floor(Date.now() / 1000);
    if (!account) return;
    for (const database of account.databases._data.values()) {
        for (const container of database.collections._data.values()) {
            const { defaultTtl } = container.read();
            if (defaultTtl !== undefined) container.documents.expire(now, defaultTtl);
        }
    }
}
setInterval(expire, 1000).unref();
process.on("SIGTERM", () => process.exit(0));
server.listen(Number(values.port), values.host, () => console.log(`cosmos: https://${values.host}:${values.port}`));
