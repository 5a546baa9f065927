//! Embeddings and chat of an Ollama server.
