-- The files of a month's view, made from the published rows, or from those that would be published now.

-- name: rows of part
-- The published rows of the relation, in their order.
COPY (
    SELECT {keys}, {sums}
    FROM (
        SELECT
            CASE
                WHEN kind = 'correction' OR NOT starts_with(charge_date, $month) THEN CAST($month || '-01' AS DATE)
                ELSE CAST(charge_date AS DATE)
            END AS date,
            if(app_id = '', subscription_id, app_id) AS application, "user" AS user_name,
            * EXCLUDE ("user")
        FROM {relation}
    )
) TO $file (FORMAT parquet, COMPRESSION lz4, WRITE_BLOOM_FILTER false)

-- name: write grain
COPY (
    SELECT {keys}, {sums}
    FROM read_parquet($files)
    {clauses}
) TO $file (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {row_group}, WRITE_BLOOM_FILTER false)
