//! Any sentence-transformer that was exported to ONNX, run by rten.

use crate::catalogue::{UNMEASURED_LINK_THRESHOLD, check_name};
use crate::error::{LOAD, corrupt, inference};
use crate::manifest::{MANIFEST_FILE, MODEL_FILE, Manifest, Pooling, TOKENIZER_FILE, read_verified};
use crate::model::{PLACEHOLDER, TextModel};
use hark_core::ai::EmbedPurpose;
use hark_core::store::Space;
use hark_core::{Error, Result};
use rten::{Model, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokenizers::{Encoding, Tokenizer, TruncationParams};

/// What a network can be fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    Types,
}

/// A loaded network with its tokenizer.
pub(crate) struct OnnxModel {
    network: Model,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
    tokenizer: Tokenizer,
    manifest: Manifest,
    space: Space,
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxModel").field("space", &self.space).field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Loads the model `name` from the models' folder.
    ///
    /// # Errors
    /// `Config` when it was not fetched, saying how; `Corrupt` when its files are not those that were fetched
    /// or no model; `Unavailable` when they cannot be read.
    pub(crate) fn open(models_dir: &Path, name: &str) -> Result<Self> {
        check_name(name)?;
        let folder = models_dir.join(name);
        let Some(manifest) = Manifest::read(&folder)? else {
            return Err(Error::config(format!(
                "model: `{name}` is not in {}; get it with `hark models fetch {name}`",
                models_dir.display()
            )));
        };
        Self::load(&folder, name, manifest)
    }

    /// Loads the files in a folder as a manifest describes them.
    ///
    /// # Errors
    /// As [`OnnxModel::open`], without `Config`.
    pub(crate) fn load(folder: &Path, name: &str, manifest: Manifest) -> Result<Self> {
        let tokenizer = read_verified(&folder.join(TOKENIZER_FILE), &manifest.tokenizer_sha256, LOAD)?;
        let tokenizer = load_tokenizer(&tokenizer, manifest.max_tokens)?;
        // What was checked is what is loaded: the file is read once.
        let network = read_verified(&folder.join(MODEL_FILE), &manifest.model_sha256, LOAD)?;
        let network = Model::load(network).map_err(|error| {
            corrupt(LOAD, format!("{MODEL_FILE} of `{name}` is not a model rten can run")).with_source(error)
        })?;
        let inputs = inputs(&network)?;
        let output =
            *network.output_ids().first().ok_or_else(|| corrupt(LOAD, format!("{MODEL_FILE} has no output")))?;
        let space = Space { model: manifest.space_name(name), dimensions: manifest.dimensions };
        Ok(Self { network, inputs, output, tokenizer, manifest, space })
    }

    fn encode(&self, text: &str) -> Result<Encoding> {
        self.tokenizer.encode(text, true).map_err(|_| inference("the tokenizer failed"))
    }

    /// One vector, not yet of unit length.
    fn run(&self, encoding: &Encoding, pool: &Arc<ThreadPool>) -> Result<Vec<f32>> {
        let inputs = self.inputs.iter().map(|&(id, input)| (id, tensor(encoding, input))).collect();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        let outputs = self
            .network
            .run(inputs, &[self.output], Some(options))
            .map_err(|error| inference("the network failed").with_source(error))?;
        let output = outputs.into_iter().next().ok_or_else(|| inference("the network gave nothing"))?;
        let output: Tensor<f32> = output.try_into().map_err(|_| inference("the network's output is not of numbers"))?;
        let width = output.shape().last().copied().unwrap_or(0);
        if width == 0 {
            return Err(inference("the network's output is empty"));
        }
        let numbers = output.to_vec();
        // Two axes: the network pools by itself. Three: a vector for every piece.
        match (output.ndim(), self.manifest.pooling) {
            (2, _) | (3, Pooling::Cls) => Ok(numbers.into_iter().take(width).collect()),
            (3, Pooling::Mean) => Ok(sum(&numbers, width)),
            _ => Err(inference("the network's output has neither two nor three axes")),
        }
    }
}

impl TextModel for OnnxModel {
    fn space(&self) -> &Space {
        &self.space
    }

    fn link_threshold(&self) -> f32 {
        self.manifest.link_threshold.unwrap_or(UNMEASURED_LINK_THRESHOLD)
    }

    fn prefix(&self, purpose: EmbedPurpose) -> Cow<'_, str> {
        purpose.prefix(&self.manifest.query_prefix, &self.manifest.document_prefix)
    }

    fn embed(&self, text: &str, pool: &Arc<ThreadPool>) -> Result<Vec<f32>> {
        let mut encoding = self.encode(text)?;
        // A tokenizer that frames nothing makes no piece of a text of, say, control characters.
        if encoding.get_ids().is_empty() {
            encoding = self.encode(PLACEHOLDER)?;
        }
        self.run(&encoding, pool)
    }
}

fn load_tokenizer(json: &[u8], max_tokens: usize) -> Result<Tokenizer> {
    let unusable = |error| corrupt(LOAD, format!("{TOKENIZER_FILE} is not a tokenizer")).with_source(error);
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(unusable)?;
    // Published tokenizers pad to their maximum; one text at a time needs none of it.
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(unusable)?;
    Ok(tokenizer)
}

fn inputs(network: &Model) -> Result<Vec<(NodeId, Input)>> {
    let mut inputs = Vec::new();
    for &id in network.input_ids() {
        let name = network.node_info(id).and_then(|info| info.name()).unwrap_or_default();
        let input = match name {
            "input_ids" => Input::Ids,
            "attention_mask" => Input::Mask,
            "token_type_ids" => Input::Types,
            other => {
                let context = format!("{MODEL_FILE} wants an input `{other}`: only sentence-transformers are run");
                return Err(corrupt(LOAD, context));
            }
        };
        inputs.push((id, input));
    }
    if !inputs.iter().any(|(_, input)| *input == Input::Ids) {
        return Err(corrupt(LOAD, format!("{MODEL_FILE} has no input `input_ids`; see {MANIFEST_FILE}")));
    }
    Ok(inputs)
}

fn tensor(encoding: &Encoding, input: Input) -> ValueOrView<'static> {
    let numbers = match input {
        Input::Ids => encoding.get_ids(),
        Input::Mask => encoding.get_attention_mask(),
        Input::Types => encoding.get_type_ids(),
    };
    // rten has no 64-bit integers; vocabularies are far smaller than 2^31.
    let numbers: Vec<i32> = numbers.iter().map(|&number| i32::try_from(number).unwrap_or(i32::MAX)).collect();
    NdTensor::from_data([1, numbers.len()], numbers).into()
}

/// The sum of the rows: the mean but for its length, which the embedder makes one. Nothing is padded, so the
/// mask is all ones and every row counts.
fn sum(rows: &[f32], width: usize) -> Vec<f32> {
    let mut pooled = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (total, number) in pooled.iter_mut().zip(row) {
            *total += number;
        }
    }
    pooled
}
