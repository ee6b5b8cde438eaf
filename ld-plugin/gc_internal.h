// SPDX-License-Identifier: Apache-2.0
//
// The parts of the LLVM plug-in, and what they hand to one another. What the
// plug-in does and when is told in gc_plugin.cc.
//
// Everything that a later stage must know stands in the IR, never in memory of
// the plug-in: stages may run in different processes (clang, then the linker).
//
//   "gc" of a function            what is compiled from a unit with references
//   attribute kPending            prepared, its safepoints are not yet placed
//   attribute kLowered            each call that may collect has its bundle
//   attribute "gc-leaf-function"  declared not to collect
//   attribute kDescribed of a variable  its record is in the assembly
//   metadata kPreLink             the rest is for the linker's code generator
//   metadata kBytes of an alloca  the program's own array of bytes
//   operand bundle "deopt"        the areas of one safepoint, see gc_bundle.h
#ifndef PCLNTAB_GC_INTERNAL_H
#define PCLNTAB_GC_INTERNAL_H

#include <llvm/ADT/BitVector.h>
#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/ADT/StringRef.h>
#include <llvm/IR/DataLayout.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PassManager.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pclntab {

constexpr char kStrategy[] = "pclntab";
constexpr char kPending[] = "pclntab-pending";
constexpr char kLowered[] = "pclntab-lowered";
constexpr char kDescribed[] = "pclntab-described";
constexpr char kLeaf[] = "gc-leaf-function";
constexpr char kPreLink[] = "pclntab.prelink";
constexpr char kUnit[] = "pclntab.unit";
constexpr char kBytes[] = "pclntab.bytes";
constexpr unsigned kRefSpace = 1; // address space of references

// --- gc_types.cc: which words of a type hold references ----------------------

// Two-bit entries, one a byte, of `words.size()` words that repeat `repeat`
// times. No words: no references.
struct Layout {
  llvm::SmallVector<uint8_t, 16> words;
  uint64_t repeat = 1;
  bool unaligned = false; // a reference that is not at a word's start
  bool any() const { return !words.empty(); }
};

bool is_ref(const llvm::Type *t);   // a reference itself
bool has_refs(const llvm::Type *t); // one, or a vector or aggregate with one
bool has_union(llvm::Type *t);
Layout layout_of(llvm::Type *t, const llvm::DataLayout &dl, bool is_variable);
// Every aligned word of `bytes` bytes may be a reference.
Layout any_words(uint64_t bytes);
// Marks the words that a value of type t touches when stored at `off`.
void widen(Layout &l, uint64_t size, uint64_t off, uint64_t bytes);
// The entries packed, lowest first, padded with 0 to a multiple of 4 bytes.
std::vector<uint8_t> packed(const Layout &l);

// --- gc_unions.cc ------------------------------------------------------------

// Keeps the optimiser from taking locals with unions apart.
void keep_unions(llvm::Module &m);
// Ends that. True if the module has unions.
bool release_unions(llvm::Module &m);

// --- gc_check.cc: diagnostics ------------------------------------------------

// An error at the instruction's source position.
void refuse(const llvm::Instruction &at, const llvm::Twine &what);
void refuse(const llvm::Function &f, const llvm::Twine &what);
void refuse(const llvm::Module &m, const llvm::Twine &what);
void warn(const llvm::Instruction &at, const llvm::Twine &what);
// Reports what the code of `f` does with references that cannot be followed.
class Values;
void check_function(llvm::Function &f, const Values &values);
// Reports a frame that no map can describe.
void check_frame(const llvm::Function &f);
// Reports what is seen before the optimiser only: where a place is not aligned
// (stores that were moved may have forgotten that), what is thrown, and whose
// frame is no frame.
void check_source(const llvm::Function &f);

// --- gc_leaf.cc: which calls may collect -------------------------------------

enum class CallKind { plain, declared_leaf, safepoint };

class Leaves {
public:
  CallKind kind(const llvm::CallBase &call) const;
  // Whether its callee may, also where the call itself has no safepoint.
  bool may_collect(const llvm::CallBase &call) const;
  // Found by gc_polls.cc, callees first: nothing in it may collect.
  void add(const llvm::Function *f) { proven.insert(f); }

private:
  llvm::DenseSet<const llvm::Function *> proven;
};

// --- gc_polls.cc -------------------------------------------------------------

// Decides for all functions whether they may collect, and gives those with
// loops and recursions that may run long without a safepoint a poll.
void place_polls(llvm::Module &m, llvm::FunctionAnalysisManager &fam,
                 Leaves &leaves);

// --- gc_values.cc: values that hold references -------------------------------

class Values {
public:
  // `unions`: the module has some.
  Values(llvm::Function &f, bool unions);
  bool tracked(const llvm::Value *v) const { return set.count(v) != 0; }
  const llvm::SmallVectorImpl<llvm::Value *> &all() const { return list; }
  // The value to keep for `v`: itself, or what it was computed from. Null if
  // that is a constant. May create phis.
  llvm::Value *base(llvm::Value *v);
  // Pointers to ordinary memory that were cast from references.
  bool is_cast(const llvm::Value *v) const {
    return tracked(v) && !has_refs(v->getType());
  }

private:
  void track(llvm::Value *v);
  void follow_casts();
  void find_moved_integers();
  void find_union_words();
  void find_bases();
  llvm::Value *root(llvm::Value *v) const;

  llvm::Function &f;
  llvm::DenseSet<const llvm::Value *> set;
  llvm::SmallVector<llvm::Value *, 32> list;
  llvm::DenseMap<llvm::Value *, llvm::Value *> bases; // of phis and selects
};

// --- gc_liveness.cc ----------------------------------------------------------

struct Safepoint {
  llvm::CallBase *call;
  CallKind kind;
  llvm::SmallVector<unsigned, 8> bases; // that are live across it
};

// Which bases must be kept at each safepoint, and which of them may share
// memory.
struct Liveness {
  Liveness(llvm::Function &f, Values &values, std::vector<Safepoint> &points);

  // All bases that are live at some safepoint.
  llvm::SetVector<llvm::Value *> bases;
  // Pairs of bases that may not share a slot: one is defined, or a safepoint
  // is passed, while the other is live. Lower number first.
  llvm::DenseSet<std::pair<unsigned, unsigned>> interfere;
};

bool returns_twice(const llvm::Function &f);

// --- gc_areas.cc: memory of the frame ----------------------------------------

struct Area {
  llvm::AllocaInst *memory;
  Layout layout;
};

// Allocas that hold references, and at which safepoints they are alive.
class Areas {
public:
  Areas(llvm::Function &f, const Values &values,
        const std::vector<Safepoint> &points);

  std::vector<Area> all;
  // Of each safepoint the numbers of the areas that are alive.
  std::vector<llvm::SmallVector<unsigned, 8>> alive;

  // Stores null to the references of each area when its lifetime begins.
  void clear_at_begin(const Leaves &leaves);

private:
  using Set = llvm::BitVector;
  void find(const Values &values);
  void find_lifetimes();
  void step(const llvm::Instruction &i, Set &now) const;
  llvm::DenseMap<const llvm::BasicBlock *, Set> solve(bool on_all) const;
  Set at_entry(const llvm::BasicBlock &b,
               const llvm::DenseMap<const llvm::BasicBlock *, Set> &out,
               bool on_all) const;
  void drop_unclear_lifetimes();
  void find_alive(const std::vector<Safepoint> &points);

  llvm::Function &f;
  llvm::DenseMap<const llvm::Value *, unsigned> number; // of allocas
  Set marked; // areas whose lifetime is marked
  // Lifetime markers, and whether one begins a lifetime.
  llvm::MapVector<llvm::Instruction *, bool> markers;
};

// --- gc_byval.cc: structs passed in memory -----------------------------------

// Copies arguments passed in the caller's memory to memory of our own.
void copy_byval_arguments(llvm::Function &f);
// Keeps what this function passes to those that cannot do that.
void keep_byval_operands(llvm::Function &f);

// --- gc_frame.cc -------------------------------------------------------------

// A definition under our strategy whose safepoints this plug-in has to place:
// not done yet, and its front end has not made statepoints itself.
bool is_ours(const llvm::Function &f);
void lower_function(llvm::Function &f, llvm::FunctionAnalysisManager &fam,
                    const Leaves &leaves, bool unions);

// --- gc_globals.cc -----------------------------------------------------------

// Appends a record for each variable in static storage with references. Its
// result is false if there is none.
bool describe_globals(llvm::Module &m);
// As a string of the assembler's.
std::string quoted(llvm::StringRef text);

// --- Passes ------------------------------------------------------------------

struct Prepare : llvm::PassInfoMixin<Prepare> {
  explicit Prepare(bool pre_link_) : pre_link(pre_link_) {}
  llvm::PreservedAnalyses run(llvm::Module &m, llvm::ModuleAnalysisManager &);
  static bool isRequired() { return true; }
  bool pre_link;
};
// `asked`: by name, so for a unit that has variables and no function, too.
struct Lower : llvm::PassInfoMixin<Lower> {
  explicit Lower(bool asked_ = false) : asked(asked_) {}
  llvm::PreservedAnalyses run(llvm::Module &m, llvm::ModuleAnalysisManager &);
  static bool isRequired() { return true; }
  bool asked;
};

// Gives a unit that does not include gc.h, one of a front end, what that header
// gives: the record that says "seen", and the note that stays when the records
// are stripped. A unit that has them stays as it is.
void mark_unit(llvm::Module &m);

// References are "non-integral" for the optimiser, so that it never makes
// integers of them; the code generator knows no such thing.
void hide_integers(llvm::Module &m);
void unhide_integers(llvm::Module &m);

} // namespace pclntab

#endif
