; SPDX-License-Identifier: Apache-2.0
; Reals, one object each.
(define (escape cr ci most)
  (let loop ((zr 0.0) (zi 0.0) (n 0))
    (let* ((rr (* zr zr)) (ii (* zi zi)))
      (if (or (= n most) (> (+ rr ii) 4.0))
          n
          (loop (+ (- rr ii) cr) (+ (* 2.0 zr zi) ci) (+ n 1))))))
(define shades " .:-=+*#%@")
(define width (+ 24 (* 10 size)))
(define height (+ 8 (* 4 size)))
(define (line y)
  (let loop ((x 0) (s ""))
    (if (= x width)
        s
        (let* ((n (escape (- (/ (* 3.0 x) width) 2.1)
                          (- (/ (* 2.4 y) height) 1.2) 36))
               (k (quotient n 4)))
          (loop (+ x 1) (string-append s (substring shades k (+ k 1))))))))
(let loop ((y 0))
  (if (< y height) (begin (display (line y) "\n") (loop (+ y 1)))))
