(* SPDX-License-Identifier: Apache-2.0 *)
(* The OCaml version of tests/gc/programs/churn.c. *)
type item = { mutable before : item option; mutable sum : int; data : Bytes.t }

let state = ref 7

let random () =
  (* 63 bits of the 64 suffice; the multiplier does not fit otherwise. *)
  state := (!state * 0x5851f42d4c957f2d) + 0x14057b7ef767814f;
  (!state lsr 32) land 0x3fffffff

let get data i = Int32.to_int (Bytes.get_int32_le data (4 * i)) land 0xffffffff
let put data i x = Bytes.set_int32_le data (4 * i) (Int32.of_int x)

let make stamp =
  let shape = random () in
  let n =
    if shape land 0xff00 = 0 then (shape lsr 16) land 1023 else shape land 15
  in
  let data = Bytes.make (4 * n) '\000' in
  if n > 0 then begin
    put data 0 shape;
    put data (n - 1) stamp
  end;
  { before = None; sum = stamp; data }

let () =
  let n = int_of_string Sys.argv.(1) and slots = int_of_string Sys.argv.(2) in
  let window = Array.make slots None and check = ref 0 in
  for i = 0 to n - 1 do
    let it = make i in
    let where = random () in
    let len = Bytes.length it.data / 4 in
    check :=
      (!check * 31) + len + if len > 0 then get it.data (len - 1) else 0;
    if where land 3 = 0 then begin
      let slot = (where lsr 2) mod slots in
      (match window.(slot) with
      | Some old ->
          old.before <- None;
          it.before <- window.(slot);
          it.sum <- (it.sum + (old.sum land 0xff)) land 0xffffffff
      | None -> ());
      window.(slot) <- Some it
    end
  done;
  let rec add = function
    | None -> ()
    | Some it ->
        check := (!check * 31) + it.sum;
        add it.before
  in
  Array.iter add window;
  Printf.printf "%d objects, %d slots: %016x\n" n slots !check
