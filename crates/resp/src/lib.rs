//! RESP2, RESP3 and inline commands: request decoder, reply decoder and encoder for Redis and Valkey servers, proxies and clients.
