"""The practice TWS gateway's wire side: codec, server, real clients over TCP."""
