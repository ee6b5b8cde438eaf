(* SPDX-License-Identifier: Apache-2.0 *)
(* The OCaml version of tests/gc/programs/binary_trees.c. *)
type tree = Empty | Node of tree * tree

let rec bottom_up depth =
  if depth = 0 then Node (Empty, Empty)
  else
    let left = bottom_up (depth - 1) in
    Node (left, bottom_up (depth - 1))

let rec count = function
  | Empty -> 0
  | Node (left, right) -> 1 + count left + count right

let () =
  let min_depth = 4 in
  let max_depth = max (int_of_string Sys.argv.(1)) (min_depth + 2) in
  Printf.printf "stretch tree of depth %d\t check: %d\n" (max_depth + 1)
    (count (bottom_up (max_depth + 1)));
  let lasting = bottom_up max_depth in
  let depth = ref min_depth in
  while !depth <= max_depth do
    let n = 1 lsl (max_depth - !depth + min_depth) and check = ref 0 in
    for _ = 1 to n do
      check := !check + count (bottom_up !depth)
    done;
    Printf.printf "%d\t trees of depth %d\t check: %d\n" n !depth !check;
    depth := !depth + 2
  done;
  Printf.printf "long lived tree of depth %d\t check: %d\n" max_depth
    (count lasting)
