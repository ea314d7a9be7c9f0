// Point operations and the transactional batch of the emulator, with the service's status codes.
"use strict";
const LIB = "@vercel/cosmosdb-server/lib";
const operations = require(`${LIB}/handler/_document-operations`);
const { patchOperation } = require(`${LIB}/handler/_patch-operations`);
const partitionHeader = require(`${LIB}/utils/get-partition-from-header`);
const Documents = require(`${LIB}/account/documents`).default;
const getValue = require(`${LIB}/utils/get-value`).default;
const rawBody = require("raw-body");
const { readCharge, writeCharge } = require("./charges");

const MAX_BYTES = 2 * 1024 * 1024;
const MAX_OPERATIONS = 100;
const NO_KEY = "[{}]";

const fail = (statusCode, code, message) => ({ statusCode, body: { code, message } });
const missing = () => fail(404, "NotFound", "Entity with the specified id does not exist in the system.");
const tooLarge = () => fail(413, "RequestEntityTooLarge", "Request size is too large: the limit is 2 MB.");
const stale = () =>
    fail(412, "PreconditionFailed", "Operation cannot be performed because one of the specified precondition is not met.");

// A partition is named by the JSON of its key values everywhere: in the header, in the index, in queries.
const partitionOf = header => (header === undefined ? NO_KEY : JSON.stringify(JSON.parse(header)));
partitionHeader.parsePartitionKey = partitionOf;

const created = Documents.prototype._set;
const deleted = Documents.prototype.delete;
Object.assign(Documents.prototype, {
    _getPartition(data) {
        const values = this._partitionKeyPath.map(path => getValue(path.slice(1).split("/"), data));
        return JSON.stringify(values.map(value => (value === undefined ? {} : value)));
    },
    _getId(keyPath, value, partition) {
        return `${partition} ${keyPath} ${JSON.stringify(value)}`;
    },
    _toRid(keyPath, value, partition) {
        return this._index.get(this._getId(keyPath, value, partition));
    },
    _set(data) {
        if (!data._etag.startsWith('"')) data._etag = `"${data._etag}"`; // the service's ETags carry their quotes
        const partition = this._getPartition(data);
        this._partitions = this._partitions || new Map();
        if (!this._partitions.has(partition)) this._partitions.set(partition, new Map());
        this._partitions.get(partition).set(data._rid, data);
        return created.call(this, data);
    },
    delete(id, partition) {
        const data = this._item("/id", id, partition).read();
        deleted.call(this, id, partition);
        const members = this._partitions.get(partition);
        members.delete(data._rid);
        if (!members.size) this._partitions.delete(partition);
    },
    clear() {
        for (const map of [this._data, this._index, this._partitions]) if (map) map.clear();
    },
    expire(now, defaultTtl) {
        for (const item of [...this._data.values()]) {
            const data = item.read();
            const ttl = data.ttl === undefined ? defaultTtl : data.ttl;
            if (ttl > 0 && data._ts + ttl <= now) this.delete(data.id, this._getPartition(data));
        }
    },
});

const idFault = body => {
    if (!body || typeof body !== "object" || Array.isArray(body)) return "the document must be a JSON object";
    if (typeof body.id !== "string" || !body.id) return "the id must be a non-empty string";
    return body.id.length > 255 || /[/\\?#]/.test(body.id) ? "the id is longer than 255 or holds / \\ ? #" : null;
};

function apply(collection, input) {
    const partition = partitionOf(input.partitionKey);
    const type = input.operationType;
    const body = input.resourceBody;
    if (body && type !== "Patch") {
        const fault = idFault(body);
        if (fault) return fail(400, "BadRequest", `The input content is invalid: ${fault}.`);
        if (collection.documents._getPartition(body) !== partition) {
            return fail(400, "BadRequest", "PartitionKey extracted from document doesn't match the one specified in the header");
        }
    }
    const id = input.id === undefined ? (body || {}).id : input.id;
    const old = collection.document(id, partition).read();
    if (input.ifMatch && type !== "Create" && (old || type === "Upsert")) {
        if (!old || (input.ifMatch !== "*" && input.ifMatch !== old._etag)) return old ? stale() : missing();
    }
    if (input.ifNoneMatch && old && (input.ifNoneMatch === "*" || input.ifNoneMatch === old._etag)) {
        return type === "Read" ? { statusCode: 304 } : stale();
    }
    const plain = { ...input, id, ifMatch: undefined };
    try {
        switch (type) {
            case "Create": return operations.createOperation(collection, plain);
            case "Upsert": return operations.upsertOperation(collection, plain);
            case "Replace":
                if (old && body.id !== id) return fail(400, "BadRequest", "replacing id is not allowed");
                return old ? operations.replaceOperation(collection, plain) : missing();
            case "Read": return old ? { statusCode: 200, body: old } : missing();
            case "Delete": return old ? operations.deleteOperation(collection, plain) : missing();
            case "Patch": return old ? patchOperation(collection, { ...plain, ...body }) : missing();
            default: return fail(400, "BadRequest", `Operation type '${type}' is not supported in Batch.`);
        }
    } catch (error) {
        if (error.conflict) return fail(409, "Conflict", error.message);
        if (error.badRequest) return fail(400, "BadRequest", error.message);
        throw error;
    }
}

function restore(documents, partition, id, before) {
    const now = documents._item("/id", id, partition).read();
    if (now === before) return;
    if (now) documents.delete(id, partition);
    if (before) documents._set(before);
}

// All or nothing: what earlier operations wrote is put back, ETags included, when a later one fails.
function batch(collection, header, inputs) {
    const partition = partitionOf(header);
    const undo = [];
    const results = [];
    let failed = -1;
    inputs.forEach((input, index) => {
        if (failed >= 0) return;
        const id = input.id === undefined ? (input.resourceBody || {}).id : input.id;
        undo.push([id, collection.document(id, partition).read()]);
        const result = apply(collection, { ...input, partitionKey: header });
        if (result.statusCode >= 400) failed = index;
        results.push({
            statusCode: result.statusCode,
            requestCharge: input.operationType === "Read" ? readCharge(result.body) : writeCharge(input.resourceBody),
            eTag: (result.body || {})._etag,
            resourceBody: result.statusCode < 300 ? result.body : undefined,
        });
    });
    if (failed < 0) return { statusCode: 200, body: results };
    for (const [id, before] of undo.reverse()) restore(collection.documents, partition, id, before);
    const body = inputs.map((_, index) =>
        ({ statusCode: index === failed ? results[failed].statusCode : 424, requestCharge: 0 }));
    return { statusCode: 207, body };
}

const documentHandler = (operationType, hasBody) => async (account, req, res, { dbId, collId, docId }) => {
    const collection = account.database(dbId).collection(collId);
    const bytes = hasBody ? await rawBody(req) : Buffer.alloc(0);
    const answer = !collection.read() ? missing() : bytes.length > MAX_BYTES ? tooLarge() : apply(collection, {
        operationType,
        id: docId,
        partitionKey: partitionHeader.default(req),
        ifMatch: req.headers["if-match"],
        ifNoneMatch: req.headers["if-none-match"],
        resourceBody: hasBody ? JSON.parse(bytes.toString()) : undefined,
    });
    res.statusCode = answer.statusCode;
    res.charge = writeCharge(bytes);
    return answer.body;
};

async function batchHandler(account, req, res, { dbId, collId }) {
    const collection = account.database(dbId).collection(collId);
    const bytes = await rawBody(req);
    const inputs = bytes.length > MAX_BYTES ? [] : JSON.parse(bytes.toString());
    let answer;
    if (!collection.read()) answer = missing();
    else if (bytes.length > MAX_BYTES) answer = tooLarge();
    else if (!Array.isArray(inputs)) answer = fail(400, "BadRequest", "A batch is an array of operations.");
    else if (inputs.length > MAX_OPERATIONS) {
        answer = fail(400, "BadRequest", `Batch request has more operations than what is supported (${MAX_OPERATIONS}).`);
    } else {
        const refused = inputs.map(input => req.refusedOperation(input.operationType)).find(Boolean);
        answer = refused ? fail(403, "Forbidden", refused) : batch(collection, partitionHeader.default(req), inputs);
    }
    res.statusCode = answer.statusCode;
    res.charge = Array.isArray(answer.body) ? answer.body.reduce((sum, each) => sum + each.requestCharge, 0) : 0;
    return answer.body;
}

// The router takes the handlers when it is loaded, so they are replaced before it.
function install() {
    const replace = (name, handler) => { require(`${LIB}/handler/${name}`).default = handler; };
    replace("create-document", documentHandler("Create", true));
    replace("upsert-document", documentHandler("Upsert", true));
    replace("replace-document", documentHandler("Replace", true));
    replace("read-document", documentHandler("Read", false));
    replace("delete-document", documentHandler("Delete", false));
    replace("batch-documents", batchHandler);
}

module.exports = { install, partitionOf };
