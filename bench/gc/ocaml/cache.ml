(* SPDX-License-Identifier: Apache-2.0 *)
(* The OCaml version of tests/gc/programs/cache.c. *)
type entry = {
  mutable chain : entry option;
  mutable newer : entry;
  mutable older : entry;
  key : int;
  value : int array;
}

type cache = {
  buckets : entry option array;
  ring : entry;
  mutable n : int;
  most : int;
  mutable hits : int;
  mutable misses : int;
  mutable check : int;
}

let state = ref 11

let random () =
  state := (!state * 0x5851f42d4c957f2d) + 0x14057b7ef767814f;
  (!state lsr 32) land 0x3fffffff

let mix x =
  let x = x lxor (x lsr 33) in
  let x = x * 0x7f51afd7ed558ccd in
  x lxor (x lsr 33)

let new_cache most =
  let room = ref 1 in
  while !room < most do
    room := !room * 2
  done;
  let rec ring =
    { chain = None; newer = ring; older = ring; key = 0; value = [||] }
  in
  { buckets = Array.make !room None; ring; n = 0; most; hits = 0; misses = 0;
    check = 0 }

let bucket c key = mix key land (Array.length c.buckets - 1)

let unlink e =
  e.newer.older <- e.older;
  e.older.newer <- e.newer

let make_newest c e =
  e.newer <- c.ring;
  e.older <- c.ring.older;
  c.ring.older.newer <- e;
  c.ring.older <- e

let rec find key = function
  | Some e when e.key <> key -> find key e.chain
  | found -> found

let evict c =
  let e = c.ring.newer in
  let b = bucket c e.key in
  let rec cut before = function
    | Some x when x != e -> cut (Some x) x.chain
    | _ -> (
        match before with
        | None -> c.buckets.(b) <- e.chain
        | Some x -> x.chain <- e.chain)
  in
  cut None c.buckets.(b);
  unlink e;
  c.check <- (c.check * 31) + e.key;
  c.n <- c.n - 1

let use c key =
  let b = bucket c key in
  match find key c.buckets.(b) with
  | Some e ->
      c.hits <- c.hits + 1;
      e.value.(0) <- e.value.(0) + 1;
      unlink e;
      make_newest c e
  | None ->
      c.misses <- c.misses + 1;
      if c.n = c.most then evict c;
      let value = Array.make 4 0 in
      value.(0) <- key;
      let e =
        { chain = c.buckets.(b); newer = c.ring; older = c.ring; key; value }
      in
      c.buckets.(b) <- Some e;
      make_newest c e;
      c.n <- c.n + 1

type node = { mutable next : node option; number : int }

let scattered_list n =
  let all = Array.init n (fun number -> { next = None; number }) in
  for i = n downto 2 do
    let k = random () mod i in
    let moved = all.(i - 1) in
    all.(i - 1) <- all.(k);
    all.(k) <- moved
  done;
  for i = 0 to n - 2 do
    all.(i).next <- Some all.(i + 1)
  done;
  Some all.(0)

let rec walk check = function
  | None -> check
  | Some x -> walk ((check * 31) + x.number) x.next

let () =
  let arg i = int_of_string Sys.argv.(i) in
  let n = arg 1 and most = arg 2 in
  let list = scattered_list (arg 3) in
  let c = new_cache most and check = ref 0 in
  for i = 0 to n - 1 do
    let a = random () mod (2 * most) in
    let b = random () mod most in
    use c (if a < b then a else a + b);
    if i mod ((n / 8) + 1) = 0 then check := !check + walk 0 list
  done;
  let e = ref c.ring.newer in
  while !e != c.ring do
    check := (!check * 31) + !e.value.(0);
    e := !e.newer
  done;
  Printf.printf "%d uses, %d hits, %d misses: %016x %016x\n" n c.hits c.misses
    c.check !check
