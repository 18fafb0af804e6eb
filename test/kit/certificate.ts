/** A certificate of nobody's, for servers that tests talk to over TLS. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUDxjFiDb8RxfxCId9cmOtTpPQuoowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNzAxNDgwNloYDzIxMjYxMTAz
MDE0ODA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQFzvMa20w97z/atsYEQKctmoDTYApkjS/vUsH1tFG2Q47kvzNBfQKe
GaISKl4tEvgQQylz8svtXO6jmRTn3bAYo1MwUTAdBgNVHQ4EFgQUUkv80hjDEqEG
aUJ0FyLjXstWgiEwHwYDVR0jBBgwFoAUUkv80hjDEqEGaUJ0FyLjXstWgiEwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAn3oxF/gfE1BfyLJSrxDw
zzCYruLwhhO80CdIyeaBVsICIDwcmiEltcy/O9EUKGUNPYLIkJ1cl11BQf3pgwDr
T/nR
-----END CERTIFICATE-----
`

/** Its key, which protects nothing. */
export const key = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIBa/G08iCupH2oXwBO+mjjUTPMJ2HukeXBk/ogyM9wXToAoGCCqGSM49
AwEHoUQDQgAEBc7zGttMPe8/2rbGBECnLZqA02AKZI0v71LB9bRRtkOO5L8zQX0C
nhmiEipeLRL4EEMpc/LL7Vzuo5kU592wGA==
-----END EC PRIVATE KEY-----
`
