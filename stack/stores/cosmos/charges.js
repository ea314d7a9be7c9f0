// What a request costs in request units, and 429 when a second's worth is used up.
// Reads and writes by size: learn.microsoft.com/azure/cosmos-db/understand-request-unit-consumption (with every property
// indexed). No page says what a query costs exactly: here a page of it costs what reading one document of its size does,
// and 2.8 at least; one that answers with a number has looked at an index entry for each document that it counted, which
// came to 0.044 a document where somebody measured it (gist.github.com/extrawurst/6385e793a841111a6f81c71f18be1edf). The budget is the container's, for each second; a request that finds some of it left is served,
// whatever it costs, and who comes after that waits for the next second that has some
// (learn.microsoft.com/azure/cosmos-db/request-units).
"use strict";
const readJson = require("@vercel/cosmosdb-server/lib/json").default;

// KB → [read, write]
const TABLE = [
    [1, 1, 4.95], [2, 1.04, 6.29], [4, 1.14, 6.67], [8, 1.33, 7.04], [16, 1.67, 9.52], [32, 2.19, 11.23],
    [64, 4.76, 22.67], [128, 9.95, 48.19], [256, 20.28, 98.29], [512, 40.95, 184.57], [1024, 145.9, 625],
    [2048, 291.8, 1250],
];
const LEAST_QUERY = 2.8;
const COUNTED = 0.044;
const READ = 1;
const WRITE = 2;

// Between two sizes of the table, along the line; beyond the last, in proportion.
function bySize(bytes, column) {
    const size = bytes / 1024;
    const at = TABLE.findIndex(row => row[0] >= size);
    if (at === 0) return TABLE[0][column];
    if (at < 0) return TABLE.at(-1)[column] * size / TABLE.at(-1)[0];
    const [below, above] = [TABLE[at - 1], TABLE[at]];
    return below[column] + (above[column] - below[column]) * (size - below[0]) / (above[0] - below[0]);
}

const sizeOf = value => (Buffer.isBuffer(value) ? value.length : Buffer.byteLength(JSON.stringify(value || "")));
const writeCharge = document => bySize(sizeOf(document), WRITE);
const readCharge = document => bySize(sizeOf(document), READ);

let spent = { read: 0, write: 0, query: 0, other: 0 };
let throttled = 0;
let perSecond = 0; // 0: as much as anybody wants, as a serverless account that is not busy
const seconds = new Map(); // container → the second that it is in: when it began, and what was used

function secondOf(container) {
    const now = Date.now();
    const second = seconds.get(container) || { began: now, used: 0 };
    const over = Math.floor((now - second.began) / 1000);
    second.began += over * 1000;
    second.used = Math.max(0, second.used - over * perSecond);
    seconds.set(container, second);
    return second;
}

// Milliseconds until the container has something left; 0 while it has.
function wait(container) {
    const { began, used } = secondOf(container);
    return used < perSecond ? 0 : Math.max(1, began + 1000 * Math.floor(used / perSecond) - Date.now());
}

const containerOf = url => (/^\/dbs\/[^/]+\/colls\/[^/]+/.exec(url) || [""])[0];

function kindOf(req) {
    if (!/\/docs/.test(req.url)) return "other";
    if (req.headers["x-ms-documentdb-isquery"] || /query\+json/.test(req.headers["content-type"] || "")) return "query";
    return req.method === "GET" ? (/\/docs\/[^/]/.test(req.url) ? "read" : "query") : "write";
}

const counted = body => Number((/"Documents":\[(\d+)\]/.exec(body.length < 200 ? body : "") || [0, 0])[1]);

// The handlers say what a write cost; what was read tells its cost by its size.
function charge(kind, res, body) {
    if (kind === "write") return res.charge || bySize(0, WRITE);
    if (kind === "query") return Math.max(LEAST_QUERY, bySize(Buffer.byteLength(body || ""), READ), COUNTED * counted(String(body || "")));
    return kind === "read" ? bySize(Buffer.byteLength(body || ""), READ) : 1;
}

const withCharges = handle => (req, res) => {
    const [kind, container] = [kindOf(req), containerOf(req.url)];
    if (perSecond && container && kind !== "other") {
        const again = String(wait(container));
        if (again !== "0") {
            throttled += 1;
            res.writeHead(429, { "content-type": "application/json", "x-ms-retry-after-ms": again, "x-ms-substatus": "3200" });
            return res.end(JSON.stringify({ code: "429", message: "Request rate is large." }));
        }
    }
    const end = res.end.bind(res);
    res.end = (body, ...rest) => {
        const units = charge(kind, res, body);
        spent[kind] += units;
        if (perSecond && container && kind !== "other") secondOf(container).used += units;
        if (!res.headersSent) res.setHeader("x-ms-request-charge", units.toFixed(2));
        return end(body, ...rest);
    };
    return handle(req, res);
};

// GET /_charges says what was spent; DELETE starts again; POST {"requestUnits": 400} sets what a container has a second.
async function control(req, res) {
    if (req.method === "POST") {
        const { requestUnits } = await readJson(req);
        if (typeof requestUnits !== "number" || requestUnits < 0) return [400, { message: "requestUnits is a number, 0 for no limit" }];
        perSecond = requestUnits;
        seconds.clear();
    }
    if (req.method === "DELETE") {
        [spent, throttled, perSecond] = [{ read: 0, write: 0, query: 0, other: 0 }, 0, 0];
        seconds.clear();
    }
    return [200, { ...spent, throttled, requestUnits: perSecond }];
}

module.exports = { withCharges, control, writeCharge, readCharge };
