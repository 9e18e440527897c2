\set account random(1, :accounts)
\set key random(1, 9000000000000000000)
SELECT debit(:account, :key::TEXT);
