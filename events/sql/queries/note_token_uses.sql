UPDATE api_tokens SET last_used_at = used.at
FROM (SELECT token, max(moment) AS at
      FROM unnest(%(tokens)s::text[], %(moments)s::timestamptz[]) AS each (token, moment)
      GROUP BY token) AS used
WHERE api_tokens.token_key = used.token
  AND (api_tokens.last_used_at IS NULL OR api_tokens.last_used_at < used.at - interval '1 minute')
