//! Our decoding functions as a llama.cpp sampler: compiled and run against the llama.cpp of a Python source package.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{command, exists, root, run, stdout, target};
use crate::slim;

/// The source package that carries llama.cpp, and its version.
const PACKAGE: &str = "llama-cpp-python";
const VERSION: &str = "0.3.36";
/// What is built of it: the library for the CPU alone.
const OPTIONS: &[&str] = &[
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",
    "-DGGML_LLAMAFILE=OFF",
    "-DGGML_CCACHE=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_BUILD_COMMON=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
];
/// Steps that the example has to say it has checked.
const STEPS: &[&str] = &["greedy", "draw", "watermark", "healing", "reward", "veto"];

/// Fetches and builds what is not there yet (minutes), makes the model, compiles the example, runs it, and looks at what it says.
pub fn run_example() -> Result<(), String> {
    for program in ["python3", "c++"] {
        if !exists(program) {
            return Err(format!("{program} is needed for this"));
        }
    }
    let work = target().join("llama");
    fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
    let source = fetched(&work)?;
    let llama = built(&work, &source)?;
    // Decoding does not need the compiler of models.
    let library = slim::build()?.libraries.join("libtrueline.a");
    let model = work.join("tiny.gguf");
    let examples = root().join("examples/cpp");
    run(command("python3").arg(examples.join("tiny_gguf.py")).arg(&model))?;
    let program = work.join("llama_sampler");
    let mut compile = command("c++");
    compile.args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"]);
    // Its own warnings are not ours.
    for folder in ["include", "ggml/include"] {
        compile.arg("-isystem").arg(source.join(folder));
    }
    compile.arg("-Iinclude").arg(examples.join("llama_sampler.cpp")).arg("-o").arg(&program).arg(library);
    for archive in
        ["src/libllama.a", "ggml/src/libggml.a", "ggml/src/libggml-cpu.a", "ggml/src/libggml-base.a"]
    {
        compile.arg(llama.join(archive));
    }
    run(compile.args(crate::c::STATIC_LINK_LINE.split(' ')))?;
    let said = stdout(command(&program).arg(&model))?;
    print!("{said}");
    for step in STEPS {
        if !said.lines().any(|line| line.starts_with("ok ") && line.contains(&format!(" {step}: "))) {
            return Err(format!("the example does not say that the step {step:?} was checked"));
        }
    }
    Ok(())
}

/// The folder of llama.cpp's sources.
fn fetched(work: &Path) -> Result<PathBuf, String> {
    let source = work.join(format!("llama_cpp_python-{VERSION}/vendor/llama.cpp"));
    if source.join("CMakeLists.txt").exists() {
        return Ok(source);
    }
    let python = environment(work)?;
    let mut pip = command(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE, "--dest"]).arg(work);
    run(pip.arg(format!("{PACKAGE}=={VERSION}")))?;
    let archive = work.join(format!("llama_cpp_python-{VERSION}.tar.gz"));
    run(command("tar").arg("-xzf").arg(&archive).arg("-C").arg(work))?;
    if source.join("CMakeLists.txt").exists() {
        Ok(source)
    } else {
        Err(format!("{} has no {}", archive.display(), source.display()))
    }
}

/// A Python of our own, for pip and, where the system has none, CMake.
fn environment(work: &Path) -> Result<PathBuf, String> {
    let python = work.join("venv/bin/python");
    if !python.exists() {
        run(command("python3").args(["-m", "venv"]).arg(work.join("venv")))?;
    }
    Ok(python)
}

/// The folder where llama.cpp is built.
fn built(work: &Path, source: &Path) -> Result<PathBuf, String> {
    let build = work.join("build");
    if build.join("src/libllama.a").exists() {
        return Ok(build);
    }
    let cmake = if exists("cmake") {
        PathBuf::from("cmake")
    } else {
        let python = environment(work)?;
        run(command(python).args(["-m", "pip", "install", "--quiet", "cmake"]))?;
        work.join("venv/bin/cmake")
    };
    run(command(&cmake).arg("-S").arg(source).arg("-B").arg(&build).args(OPTIONS))?;
    // Two at a time: some files take a gigabyte of memory.
    run(command(&cmake).arg("--build").arg(&build).args(["--target", "llama", "--parallel", "2"]))?;
    Ok(build)
}
