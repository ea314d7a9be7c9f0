// Faults on demand: POST /_faults queues one, GET lists, DELETE forgets; POST /_clear empties every container.
"use strict";
const readJson = require("@vercel/cosmosdb-server/lib/json").default;
const charges = require("./charges");

let faults = [];
const reply = (res, status, body) => {
    res.writeHead(status, { "content-type": "application/json" });
    res.end(JSON.stringify(body));
};

const isQuery = req => req.headers["x-ms-documentdb-isquery"] || req.headers["content-type"] === "application/query+json";
const isWrite = req => req.method !== "GET" && !isQuery(req);

function describe(given) {
    const fault = { status: 0, retryAfterMs: 0, count: 1, afterCommit: false, delayMs: 0, on: "all", path: "/docs", ...given };
    const known = ["status", "retryAfterMs", "count", "afterCommit", "delayMs", "on", "path"];
    const strange = Object.keys(given).filter(key => !known.includes(key));
    if (strange.length) throw new Error(`unknown: ${strange.join(", ")}; known: ${known.join(", ")}`);
    if (!["all", "read", "write"].includes(fault.on)) throw new Error("`on` is all, read or write");
    if (!fault.status && !fault.afterCommit && !fault.delayMs) throw new Error("give status, afterCommit or delayMs");
    return fault;
}

const matches = (fault, req) =>
    req.url.includes(fault.path) && (fault.on === "all" || (fault.on === "write") === Boolean(isWrite(req)));

function take(req) {
    const fault = faults.find(candidate => matches(candidate, req));
    if (fault && (fault.count -= 1) <= 0) faults = faults.filter(other => other !== fault);
    return fault;
}

function refuse(res, fault) {
    if (fault.retryAfterMs) res.setHeader("x-ms-retry-after-ms", String(fault.retryAfterMs));
    if (fault.status === 429) res.setHeader("x-ms-substatus", "3200");
    reply(res, fault.status, { code: String(fault.status), message: "Injected by /_faults." });
}

async function control(account, req, res) {
    if (req.url === "/_clear" && req.method === "POST") {
        for (const database of account ? account.databases._data.values() : []) {
            for (const container of database.collections._data.values()) container.documents.clear();
        }
        return reply(res, 200, {});
    }
    if (req.url === "/_charges") return reply(res, ...(await charges.control(req, res)));
    if (req.url !== "/_faults") return reply(res, 404, { message: "control routes: /_faults, /_charges, /_clear" });
    if (req.method === "DELETE") faults = [];
    if (req.method === "POST") {
        try {
            faults.push(describe(await readJson(req)));
        } catch (error) {
            return reply(res, 400, { message: error.message });
        }
    }
    return reply(res, 200, faults);
}

// Wraps the server's handler: refuse before it, or let it write and then close the connection.
const withFaults = (handle, account) => async (req, res) => {
    if (req.url.startsWith("/_")) return control(account(), req, res);
    const fault = faults.length ? take(req) : undefined;
    if (fault && fault.delayMs) await new Promise(done => setTimeout(done, fault.delayMs));
    if (fault && fault.afterCommit) res.end = () => req.socket.destroy();
    else if (fault && fault.status) return refuse(res, fault);
    return handle(req, res);
};

module.exports = { withFaults };
