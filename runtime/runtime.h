/* The door of runtime/: everything a compiled step needs to live. No LLVM, no IR. Its folders, each of which may use
 * those before it:
 *
 *   base        errors, signals, names on a terminal, random numbers
 *   files       what is read and written: replaced files, safetensors, JSON, folders
 *   archives    the members of tar and zip files
 *   images      decoding and augmentation
 *   datasets    sets of images of all formats, their splits and classes
 *   threads     the team that runs a step
 *   program     a compiled program with its memory
 *   kernels     operators that are C functions; codegen links them too
 *   evaluation  features, and what they are worth
 *   training    batches, checkpoints, metrics, and the loop
 *
 * Nothing here prints but progress (training/progress.h). Outside this folder this header is enough; inside, each file
 * includes what it uses. */
#ifndef VITC_RUNTIME_RUNTIME_H
#define VITC_RUNTIME_RUNTIME_H

#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/base/stop.h"
#include "runtime/base/terminal.h"
#include "runtime/files/hash.h"
#include "runtime/files/output.h"
#include "runtime/files/safetensors.h"
#include "runtime/images/augment.h"
#include "runtime/images/image.h"
#include "runtime/datasets/dataset.h"
#include "runtime/threads/team.h"
#include "runtime/program/finite.h"
#include "runtime/program/instance.h"
#include "runtime/program/sampler.h"
#include "runtime/program/settings.h"
#include "runtime/program/weights.h"
#include "runtime/evaluation/embedder.h"
#include "runtime/evaluation/features.h"
#include "runtime/evaluation/knn.h"
#include "runtime/evaluation/neighbours.h"
#include "runtime/evaluation/retrieval.h"
#include "runtime/evaluation/similarities.h"
#include "runtime/evaluation/spectrum.h"
#include "runtime/training/checkpoint.h"
#include "runtime/training/loader.h"
#include "runtime/training/metrics.h"
#include "runtime/training/run.h"
#include "runtime/program.h"

#endif
