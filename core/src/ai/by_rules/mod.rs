//! Extraction and classification without a model.
