// Who may do what: a request's token has to be of an identity whose roles allow the request's data action.
// Names of data actions: learn.microsoft.com/azure/cosmos-db/nosql/reference-data-plane-security. An identity of the
// data plane can make neither databases nor containers; provisioning does that without a token, as the management plane.
"use strict";
const { createPublicKey, verify } = require("crypto");
const { readFileSync } = require("fs");

const ITEMS = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/";
const ACTIONS = {
    metadata: "Microsoft.DocumentDB/databaseAccounts/readMetadata",
    query: "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery",
};

const isQuery = req => req.headers["x-ms-documentdb-isquery"] || /query\+json/.test(req.headers["content-type"] || "");

// A batch needs the right of each of its operations; they are looked at where its body is read.
function actionOf(req) {
    if (!/\/docs/.test(req.url)) return req.method === "GET" ? ACTIONS.metadata : null;
    if (isQuery(req) || (req.method === "GET" && !/\/docs\/[^/]/.test(req.url))) return ACTIONS.query;
    if (req.headers["x-ms-cosmos-is-batch-request"]) return ACTIONS.metadata;
    const upsert = String(req.headers["x-ms-documentdb-is-upsert"]).toLowerCase() === "true";
    return ITEMS + { GET: "read", POST: upsert ? "upsert" : "create", PUT: "replace", PATCH: "replace", DELETE: "delete" }[req.method];
}

const itemAction = operationType => ITEMS + (operationType === "Patch" ? "replace" : operationType.toLowerCase());

const matches = (patterns, wanted) =>
    patterns.some(pattern => new RegExp(`^${pattern.replace(/[.]/g, "\\.").replace(/\*/g, ".*")}$`, "i").test(wanted));

function makeRights(roles, keyFile) {
    const key = createPublicKey(readFileSync(keyFile));

    // The token's identity, or null where the token is not ours, is over or is missing.
    function identityOf(req) {
        const sent = new URLSearchParams(decodeURIComponent(req.headers.authorization || ""));
        const [head, payload, signature] = (sent.get("sig") || "").split(".");
        if (sent.get("type") !== "aad" || !signature) return null;
        if (!verify("RSA-SHA256", Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, "base64url"))) return null;
        const claims = JSON.parse(Buffer.from(payload, "base64url"));
        return claims.exp * 1000 > Date.now() ? claims.appid : null;
    }

    // A role of a container is none of the account and of its other containers.
    const may = (identity, action, container) =>
        (roles[identity] || []).some(
            role => (!role.container || role.container === container) && matches(role.allows, action)
        );

    return { identityOf, may };
}

const refuse = (res, status, message) => {
    res.writeHead(status, { "content-type": "application/json", "x-ms-substatus": status === 403 ? "5300" : "0" });
    res.end(JSON.stringify({ code: status === 401 ? "Unauthorized" : "Forbidden", message }));
};

const withRights = (handle, rights) => (req, res) => {
    if (!req.headers.authorization && req.method === "POST" && /^\/dbs(\/[^/]+\/colls)?\/?$/.test(req.url)) return handle(req, res);
    const identity = rights.identityOf(req);
    if (identity === null) return refuse(res, 401, "The input authorization token can't serve the request.");
    const [, container] = /\/colls\/([^/?]+)/.exec(req.url) || [];
    const forbidden = action => `Request blocked by Auth: principal [${identity}] does not have required RBAC permissions to perform action [${action}].`;
    const action = actionOf(req);
    if (action === null || !rights.may(identity, action, container)) return refuse(res, 403, forbidden(action || "of the management plane"));
    req.refusedOperation = type => (rights.may(identity, itemAction(type), container) ? null : forbidden(itemAction(type)));
    return handle(req, res);
};

module.exports = { makeRights, withRights };
