//! Embeddings and chat of OpenAI, or of any server that speaks its API.
